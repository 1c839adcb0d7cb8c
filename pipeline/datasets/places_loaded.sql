-- Returns how many cities the current load of a source lists.
SELECT count(*)
FROM places_listings
WHERE source_id = %(source_id)s
  AND load_id = (SELECT max(id) FROM loads WHERE loads.source_id = %(source_id)s);
