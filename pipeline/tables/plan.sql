-- name: forget_loads
-- Forgets what was loaded of a dataset whose table is gone, so that the ledger does not take its rows for loaded.
WITH removed_rejects AS (
    DELETE FROM {schema}.rejected_rows
    USING {schema}.sources
    WHERE sources.id = rejected_rows.source_id AND sources.dataset = {dataset}
)
DELETE FROM {schema}.loads
USING {schema}.sources
WHERE sources.id = loads.source_id AND sources.dataset = {dataset};
