-- Returns whether a chunk with a lower number of the same load is not committed yet.
SELECT EXISTS (
    SELECT
    FROM load_chunks
    WHERE load_id = %(load)s
      AND number < %(number)s
      AND committed_at IS NULL
);
