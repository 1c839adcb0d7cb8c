-- People born in each country: {"country": count}, largest count first, ties by name.
-- title: People per country
-- datasets: places, people
WITH born_in_place AS (   -- counted before the joins: places are few
    SELECT place_id, count(*) AS people
    FROM people
    GROUP BY place_id
), born_in_country AS (
    SELECT countries.name AS country, sum(people) AS people
    FROM born_in_place
    JOIN places ON places.id = place_id
    JOIN counties ON counties.id = places.county_id
    JOIN countries ON countries.id = counties.country_id
    GROUP BY countries.name
)
SELECT format(
    '{%s}',
    string_agg(format('%s:%s', to_json(country), people), ',' ORDER BY people DESC, country COLLATE "C")
)::json   -- json_object_agg would put spaces
FROM born_in_country;
