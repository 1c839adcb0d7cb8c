-- Returns one row for each current load: how far it is and what became of its rows. Reads no chunk of any other load,
-- unlike load_progress: the exporter asks several times a second.
SELECT
    current_loads.id,
    sources.name,
    current_loads.row_count,
    chunks.committed_rows,
    chunks.inserted,
    chunks.updated,
    chunks.unchanged,
    chunks.rejected,
    chunks.deleted,
    chunks.committed = current_loads.chunk_count AS complete
FROM current_loads
JOIN sources ON sources.id = current_loads.source_id
CROSS JOIN LATERAL (
    SELECT
        count(committed_at) AS committed,
        coalesce(sum(load_chunks.row_count) FILTER (WHERE committed_at IS NOT NULL), 0)::bigint AS committed_rows,
        coalesce(sum(inserted), 0)::bigint AS inserted,
        coalesce(sum(updated), 0)::bigint AS updated,
        coalesce(sum(unchanged), 0)::bigint AS unchanged,
        coalesce(sum(rejected), 0)::bigint AS rejected,
        coalesce(sum(deleted), 0)::bigint AS deleted
    FROM load_chunks
    WHERE load_id = current_loads.id
) AS chunks
ORDER BY sources.name COLLATE "C";
