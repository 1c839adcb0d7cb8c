-- Checks the foreign key of people for a whole chunk: returns how many of its places there are, and keeps them there
-- until the end of the transaction, with the lock that the key's trigger would take for each row. Then the triggers
-- of rows are off, if the worker has been granted that and the key's are the only ones.
LOCK TABLE people IN ROW EXCLUSIVE MODE;   -- as COPY would: nobody adds a trigger or a key after the look

DO $$
BEGIN
    IF NOT EXISTS (
        SELECT
        FROM pg_trigger
        LEFT JOIN pg_constraint ON pg_constraint.oid = pg_trigger.tgconstraint
        WHERE pg_trigger.tgrelid = 'people'::regclass
          AND pg_constraint.conname IS DISTINCT FROM 'people_place_id_fkey'
    ) AND EXISTS (
        SELECT FROM pg_class WHERE oid = 'people'::regclass AND relkind = 'r'   -- partitions have triggers of their own
    ) THEN
        SET LOCAL session_replication_role = replica;
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    NULL;
END
$$;

SELECT count(*)
FROM (SELECT FROM places WHERE id = ANY (%(place_ids)s) FOR KEY SHARE) AS there;
