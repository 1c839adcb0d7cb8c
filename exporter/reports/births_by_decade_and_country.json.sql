-- Births in each decade and country: {"1830": {"country": count}}, decades in order, countries by name.
-- title: Births by decade
-- datasets: places, people
WITH born_in_place AS (   -- counted before the joins: places are few
    SELECT place_id, date_part('year', date_of_birth)::integer / 10 * 10 AS decade, count(*) AS people
    FROM people
    GROUP BY place_id, decade
), born_in_country AS (
    SELECT decade, countries.name AS country, sum(people) AS people
    FROM born_in_place
    JOIN places ON places.id = place_id
    JOIN counties ON counties.id = places.county_id
    JOIN countries ON countries.id = counties.country_id
    GROUP BY decade, countries.name
), decades AS (   -- as text, since json_object_agg would put spaces
    SELECT decade, string_agg(format('%s:%s', to_json(country), people), ',' ORDER BY country COLLATE "C") AS countries
    FROM born_in_country
    GROUP BY decade
)
SELECT format('{%s}', string_agg(format('"%s":{%s}', decade, countries), ',' ORDER BY decade))::json
FROM decades;
