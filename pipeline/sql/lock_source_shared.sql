-- Keeps the current load of the source as it is until the end of the transaction; many may hold it at once.
-- An advisory lock, because waiters queue: with a row lock the producer could starve behind busy workers.
SELECT pg_advisory_xact_lock_shared(hashtext('pipeline source'), %(source_id)s);
