-- Removes a source, its rejected rows and its loads.
-- One statement, so that foreign keys among the tables are checked when all of it is gone.
WITH removed_rejects AS (
    DELETE FROM rejected_rows WHERE source_id = %(source_id)s
), removed_loads AS (
    DELETE FROM loads WHERE source_id = %(source_id)s
)
DELETE FROM sources WHERE id = %(source_id)s;
