-- Returns the id of a new load, which thereby is the current one of its source.
INSERT INTO loads (source_id, sha256, columns, delimiter, row_count, chunk_count)
VALUES (%(source_id)s, %(sha256)s, %(columns)s, %(delimiter)s, %(row_count)s, %(chunk_count)s)
RETURNING id;
