-- People born in each county, by country and county.
-- title: People by county
-- datasets: places, people
WITH born_in_place AS (   -- counted before the joins: places are few
    SELECT place_id, count(*) AS people
    FROM people
    GROUP BY place_id
)
SELECT countries.name AS country, counties.name AS county, sum(people) AS people
FROM born_in_place
JOIN places ON places.id = place_id
JOIN counties ON counties.id = places.county_id
JOIN countries ON countries.id = counties.country_id
GROUP BY countries.name, counties.name
ORDER BY countries.name COLLATE "C", counties.name COLLATE "C";
