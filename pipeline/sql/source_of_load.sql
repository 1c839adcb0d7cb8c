-- Returns the source of a load; no row if there is no such load.
SELECT source_id FROM loads WHERE id = %(load)s;
