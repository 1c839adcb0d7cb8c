-- Returns the chunks of current loads that are not committed yet, in order; where these are not NULL only those of some
-- loads or datasets, only those before a number in their load, and no more than a limit.
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
WHERE load_chunks.committed_at IS NULL
  AND (%(loads)s::bigint[] IS NULL OR load_chunks.load_id = ANY (%(loads)s))
  AND (%(datasets)s::text[] IS NULL OR sources.dataset = ANY (%(datasets)s))
  AND (%(before)s::integer IS NULL OR load_chunks.number < %(before)s)
  -- NOT EXISTS rather than a join with current_loads: few chunks are missing, many loads are there.
  AND NOT EXISTS (SELECT FROM loads AS newer WHERE newer.source_id = loads.source_id AND newer.id > loads.id)
ORDER BY load_chunks.load_id, load_chunks.number
LIMIT %(limit)s;
