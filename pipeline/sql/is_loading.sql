-- Returns whether a current load of one of the datasets has chunks that are not committed.
SELECT EXISTS (
    SELECT
    FROM current_loads
    JOIN sources ON sources.id = current_loads.source_id
    JOIN load_chunks ON load_chunks.load_id = current_loads.id
    WHERE sources.dataset = ANY (%(datasets)s)
      AND load_chunks.committed_at IS NULL
);
