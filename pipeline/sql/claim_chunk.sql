-- Returns the chunk, locked; no row if it is committed already or its load is superseded.
SELECT
    sources.name,
    sources.dataset,
    current_loads.columns,
    current_loads.delimiter,
    sources.id,
    load_chunks.first_row,
    CASE WHEN load_chunks.number < current_loads.chunk_count
        THEN load_chunks.first_row + load_chunks.row_count - 1
    END AS last_row,   -- NULL: the last chunk also owns all rows after it
    load_chunks.first_line,
    load_chunks.sha256
FROM load_chunks
JOIN current_loads ON current_loads.id = load_chunks.load_id
JOIN sources ON sources.id = current_loads.source_id
WHERE load_chunks.load_id = %(load)s
  AND load_chunks.number = %(number)s
  AND load_chunks.committed_at IS NULL
FOR UPDATE OF load_chunks;   -- a second delivery waits here, then finds committed_at set
