-- Returns id, SHA-256 and number of rows of the newest load of a source; no row if it has none.
SELECT id, sha256, row_count FROM current_loads WHERE source_id = %(source_id)s;
