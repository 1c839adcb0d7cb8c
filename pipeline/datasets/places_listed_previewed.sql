-- Returns those of the cities that chunks of this source have listed already in the preview, each with [county, country].
SELECT city, ARRAY[county, country]
FROM places_previewed
WHERE source = %(source)s
  AND city = ANY (%(cities)s::text[]);
