-- Waits until no transaction is loading a chunk of the source, and keeps others out until the end of this one.
SELECT pg_advisory_xact_lock(hashtext('pipeline source'), %(source_id)s);
