-- Returns the id of a source; no row if it is not known.
SELECT id FROM sources WHERE name = %(name)s;
