-- Waits until no transaction is loading a chunk of these sources, and keeps others out until the end of this one.
SELECT pg_advisory_xact_lock(hashtext('pipeline source'), id)
FROM (SELECT unnest(%(source_ids)s::integer[]) AS id ORDER BY id) AS in_order;
