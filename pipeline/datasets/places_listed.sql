-- Returns those of the cities that chunks of this load have listed already, each with [county, country].
SELECT city, ARRAY[county, country]
FROM places_listings
WHERE source_id = %(source_id)s
  AND load_id = %(load)s
  AND city = ANY (%(cities)s::text[]);
