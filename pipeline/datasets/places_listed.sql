-- Returns those of the cities that chunks of this load have listed already, each with [county, country].
SELECT places.city, ARRAY[counties.name, countries.name]
FROM places
JOIN counties ON counties.id = places.county_id
JOIN countries ON countries.id = counties.country_id
WHERE places.listed_by_load = %(load)s
  AND places.city = ANY (%(cities)s::text[]);
