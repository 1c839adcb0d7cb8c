-- Returns the source that a chunk is of; no row if there is no such chunk.
SELECT loads.source_id
FROM loads
JOIN load_chunks ON load_chunks.load_id = loads.id
WHERE loads.id = %(load)s
  AND load_chunks.number = %(number)s;
