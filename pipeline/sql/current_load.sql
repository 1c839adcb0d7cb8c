-- Returns id and SHA-256 of the newest load of a source; no row if it has none.
SELECT id, sha256 FROM current_loads WHERE source_id = %(source_id)s;
