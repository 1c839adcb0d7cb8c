-- Removes the rejected rows in the range of a chunk (last_row NULL: without end).
DELETE FROM rejected_rows
WHERE source_id = %(source_id)s
  AND row_number >= %(first_row)s
  AND (%(last_row)s::bigint IS NULL OR row_number <= %(last_row)s);
