-- How many chunks of the current loads are not committed: on the queue, with a worker, or not queued yet.
SELECT count(*)
FROM load_chunks
JOIN loads ON loads.id = load_chunks.load_id
WHERE load_chunks.committed_at IS NULL
  AND NOT EXISTS (SELECT FROM loads AS newer WHERE newer.source_id = loads.source_id AND newer.id > loads.id)
