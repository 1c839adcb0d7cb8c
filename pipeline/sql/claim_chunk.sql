-- Returns the chunk, locked, and whether there is anything to load: it is not committed yet and its load is current.
-- No row if there is no such chunk. Keeps the current load of the source as it is until the end of the transaction;
-- many may do so at once. By an advisory lock, because waiters queue: with a row lock the producer could starve
-- behind busy workers.
SELECT pg_advisory_xact_lock_shared(hashtext('pipeline source'), source_id) FROM loads WHERE id = %(load)s;

SELECT
    load_chunks.committed_at IS NULL
        AND loads.id = (SELECT max(id) FROM loads AS of_source WHERE of_source.source_id = loads.source_id),
    sources.name,
    sources.dataset,
    loads.columns,
    loads.delimiter,
    sources.id,
    load_chunks.first_row,
    CASE WHEN load_chunks.number < loads.chunk_count
        THEN load_chunks.first_row + load_chunks.row_count - 1
    END AS last_row,   -- NULL: the last chunk also owns all rows after it
    load_chunks.first_line,
    load_chunks.row_count,
    load_chunks.sha256
FROM load_chunks
JOIN loads ON loads.id = load_chunks.load_id
JOIN sources ON sources.id = loads.source_id
WHERE load_chunks.load_id = %(load)s
  AND load_chunks.number = %(number)s
FOR UPDATE OF load_chunks;   -- a second delivery waits here, then finds committed_at set
