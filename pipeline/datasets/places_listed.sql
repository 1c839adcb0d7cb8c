-- Returns those of the cities that chunks of this load have listed already, each with [county, country].
SELECT place_listings.city, ARRAY[counties.name, countries.name]
FROM place_listings
JOIN counties ON counties.id = place_listings.county_id
JOIN countries ON countries.id = counties.country_id
WHERE place_listings.source_id = %(source_id)s
  AND place_listings.load_id = %(load)s
  AND place_listings.city = ANY (%(cities)s::text[]);
