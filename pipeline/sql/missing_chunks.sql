-- Returns the chunks not committed yet, of one load or (load NULL) of all current loads.
SELECT
    load_chunks.load_id,
    sources.name,
    load_chunks.reopened,
    load_chunks.number,
    load_chunks.first_row,
    load_chunks.row_count,
    load_chunks.first_line,
    load_chunks.byte_offset,
    load_chunks.byte_count,
    load_chunks.sha256
FROM load_chunks
JOIN current_loads ON current_loads.id = load_chunks.load_id
JOIN sources ON sources.id = current_loads.source_id
WHERE load_chunks.committed_at IS NULL
  AND (%(load)s::bigint IS NULL OR load_chunks.load_id = %(load)s)
ORDER BY load_chunks.load_id, load_chunks.number;
