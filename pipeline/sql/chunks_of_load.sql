-- Returns the chunks of a load, in order, each with its number of rejected rows (NULL: not committed yet).
SELECT number, first_row, row_count, first_line, byte_offset, byte_count, sha256, rejected
FROM load_chunks
WHERE load_id = %(load)s
ORDER BY number;
