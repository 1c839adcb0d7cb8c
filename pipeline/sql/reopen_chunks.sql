-- Makes those chunks of a load missing again that hold rejected rows and are older than a load of the datasets
-- that its rows refer to: what could not be resolved then may be now.
UPDATE load_chunks
SET reopened = reopened + 1,
    committed_at = NULL,
    inserted = NULL,
    updated = NULL,
    unchanged = NULL,
    rejected = NULL,
    deleted = NULL
WHERE load_id = %(load)s
  AND rejected > 0
  AND EXISTS (
      SELECT
      FROM current_loads
      JOIN sources ON sources.id = current_loads.source_id
      JOIN load_chunks AS referred ON referred.load_id = current_loads.id
      WHERE sources.dataset = ANY (%(refers_to)s)
        AND (referred.committed_at IS NULL OR referred.committed_at > load_chunks.committed_at)
  );
