-- Returns whether a current load of one of the datasets has chunks that are not committed.
SELECT EXISTS (
    SELECT
    FROM load_chunks
    JOIN loads ON loads.id = load_chunks.load_id
    JOIN sources ON sources.id = loads.source_id
    WHERE load_chunks.committed_at IS NULL
      AND sources.dataset = ANY (%(datasets)s)
      AND NOT EXISTS (SELECT FROM loads AS newer WHERE newer.source_id = loads.source_id AND newer.id > loads.id)
);
