-- Every load with what became of its rows, oldest first.
SELECT
    load_id,
    source,
    dataset,
    CASE WHEN NOT current THEN 'superseded' WHEN complete THEN 'complete' ELSE 'loading' END AS state,
    row_count AS rows,
    committed_rows,
    inserted,
    updated,
    unchanged,
    rejected,
    deleted,
    sealed_at AT TIME ZONE 'UTC' AS sealed_at_utc,
    last_committed_at AT TIME ZONE 'UTC' AS last_committed_at_utc,
    sha256
FROM load_progress
ORDER BY load_id;
