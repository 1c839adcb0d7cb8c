-- People born in each county, by country and county.
SELECT countries.name AS country, counties.name AS county, count(*) AS people
FROM people
JOIN places ON places.id = people.place_id
JOIN counties ON counties.id = places.county_id
JOIN countries ON countries.id = counties.country_id
GROUP BY countries.name, counties.name
ORDER BY countries.name COLLATE "C", counties.name COLLATE "C";
