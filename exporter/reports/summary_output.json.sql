-- People born in each country: {"country": count}, largest count first, ties by name.
WITH born AS (
    SELECT countries.name AS country, count(*) AS people
    FROM people
    JOIN places ON places.id = people.place_id
    JOIN counties ON counties.id = places.county_id
    JOIN countries ON countries.id = counties.country_id
    GROUP BY countries.name
)
SELECT coalesce(json_object_agg(country, people ORDER BY people DESC, country COLLATE "C"), '{}')
FROM born;
