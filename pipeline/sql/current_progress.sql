-- Returns one row for each current load: how far it is and what became of its rows.
SELECT
    load_id, source, row_count, committed_rows,
    inserted, updated, unchanged, rejected, deleted, complete
FROM load_progress
WHERE current
ORDER BY source COLLATE "C";
