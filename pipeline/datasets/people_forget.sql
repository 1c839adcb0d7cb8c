-- Removes the people of a source; returns how many.
WITH removed AS (
    DELETE FROM people WHERE source_id = %(source_id)s RETURNING 1
)
SELECT count(*) FROM removed;
