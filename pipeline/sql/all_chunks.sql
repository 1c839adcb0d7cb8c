-- Returns every chunk of these sources, of superseded loads too, as missing_chunks.sql does.
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
JOIN loads ON loads.id = load_chunks.load_id
JOIN sources ON sources.id = loads.source_id
WHERE sources.id = ANY (%(source_ids)s);
