-- Enters chunks of a new load as committed whose rows the table holds already: the load before it committed the same
-- bytes as the same rows, and none was rejected.
WITH load AS (
    SELECT * FROM loads WHERE id = %(load)s
), load_before AS (
    SELECT loads.*
    FROM loads
    JOIN load ON load.source_id = loads.source_id AND load.id > loads.id
    ORDER BY loads.id DESC
    LIMIT 1
), carried_over AS (
    SELECT load_chunks.number
    FROM load_chunks
    JOIN load ON load.id = load_chunks.load_id
    JOIN load_before USING (columns, delimiter)
    JOIN load_chunks AS chunks_before
        ON chunks_before.load_id = load_before.id
        AND chunks_before.first_row = load_chunks.first_row
        AND chunks_before.row_count = load_chunks.row_count
        AND chunks_before.sha256 = load_chunks.sha256
    WHERE chunks_before.rejected = 0                  -- NULL while it is not committed
      AND load_chunks.number < load.chunk_count       -- the last chunk also owns all rows after it
)
UPDATE load_chunks
SET committed_at = now(),
    inserted = 0,
    updated = 0,
    unchanged = row_count,
    rejected = 0,
    deleted = 0
WHERE load_id = %(load)s
  AND number IN (SELECT number FROM carried_over);
