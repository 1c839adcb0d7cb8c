-- Removes a source, its rejected rows and its loads; returns how many rejected rows were removed.
-- One statement, so that foreign keys among the tables are checked when all of it is gone.
WITH removed_rejects AS (
    DELETE FROM rejected_rows WHERE source_id = %(source_id)s RETURNING 1
), removed_loads AS (
    DELETE FROM loads WHERE source_id = %(source_id)s
), removed_source AS (
    DELETE FROM sources WHERE id = %(source_id)s
)
SELECT count(*) FROM removed_rejects;
