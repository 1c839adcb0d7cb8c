-- Births in each decade and country: {"1830": {"country": count}}, decades in order, countries by name.
WITH births AS (
    SELECT
        (extract(year FROM date_of_birth)::integer / 10) * 10 AS decade,
        countries.name AS country,
        count(*) AS people
    FROM people
    JOIN places ON places.id = people.place_id
    JOIN counties ON counties.id = places.county_id
    JOIN countries ON countries.id = counties.country_id
    GROUP BY decade, countries.name
), decades AS (
    SELECT decade, json_object_agg(country, people ORDER BY country COLLATE "C") AS countries
    FROM births
    GROUP BY decade
)
SELECT coalesce(json_object_agg(decade, countries ORDER BY decade), '{}')
FROM decades;
