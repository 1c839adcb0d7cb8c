-- Returns all cities with their ids, and 0 for those that a run would insert first.
SELECT city, id FROM places
UNION ALL
SELECT city, 0 FROM places_previewed WHERE NOT EXISTS (SELECT FROM places WHERE places.city = places_previewed.city);
