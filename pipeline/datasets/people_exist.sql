-- Returns whether people hold rows of this source in the range of a chunk (last_row NULL: without end).
SELECT EXISTS (
    SELECT
    FROM people
    WHERE source_id = %(source_id)s
      AND row_number >= %(first_row)s
      AND (%(last_row)s::bigint IS NULL OR row_number <= %(last_row)s)
);
