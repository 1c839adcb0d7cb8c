-- Returns the sources whose people were born in places that no source but this one lists, each with their number.
-- Meanwhile, and until the end of the transaction, no chunk of places is merged.
SELECT pg_advisory_xact_lock(hashtext('pipeline places'));

SELECT sources.name, count(*)
FROM places_listings
JOIN places USING (city)
JOIN people ON people.place_id = places.id
JOIN sources ON sources.id = people.source_id
WHERE places_listings.source_id = %(source_id)s
  AND NOT EXISTS (
      SELECT FROM places_listings AS other WHERE other.city = places_listings.city AND other.source_id <> %(source_id)s
  )
GROUP BY sources.name
ORDER BY sources.name COLLATE "C";
