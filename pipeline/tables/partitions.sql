-- Partitions of tables that are partitioned by source. The producer enters and removes sources; the functions make and
-- drop the partitions with the rights of the tables' owner.

-- name: add_partition
-- Adds the partition of one source to a table. CREATE TABLE ... PARTITION OF would wait for all loads and reports of the
-- table, and block them; ATTACH PARTITION does not.
CREATE OR REPLACE FUNCTION {schema}.add_partition(parent regclass, source_id integer) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- The id first: PostgreSQL cuts long names at their end.
    name text := (
        SELECT format('%I.%I', nspname, format('source_%s_%s', source_id, relname))
        FROM pg_class
        JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE pg_class.oid = parent
    );
BEGIN
    EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING ALL)', name, parent);
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES IN (%s)', parent, name, source_id);
END
$$;

-- name: follow_source
-- Adds the partition of a new source, and drops that of a removed one. Rows of a source in a partition that it shares
-- with others are deleted.
CREATE OR REPLACE FUNCTION {schema}.follow_source() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source {schema}.sources := coalesce(NEW, OLD);
    parent regclass := (
        SELECT pg_class.oid
        FROM {schema}.datasets
        JOIN pg_namespace ON nspname = table_schema
        JOIN pg_class ON relnamespace = pg_namespace.oid AND relname = table_name
        WHERE datasets.name = source.dataset
          AND relkind = 'p'
    );
    partition regclass;
BEGIN
    IF parent IS NULL THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'INSERT' THEN
        PERFORM {schema}.add_partition(parent, source.id);
        RETURN NULL;
    END IF;
    SELECT inhrelid INTO partition
    FROM pg_inherits
    JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = parent
      AND pg_get_expr(relpartbound, inhrelid) = format('FOR VALUES IN (%s)', source.id);
    IF FOUND THEN
        EXECUTE format('DROP TABLE %s', partition);
    ELSE
        EXECUTE format('DELETE FROM %s WHERE source_id = %s', parent, source.id);
    END IF;
    RETURN NULL;
END
$$;

-- name: triggers
-- Has the partitions follow the sources. A new one is made at the commit: when sealing waits for no other lock any more,
-- it cannot hold up the chunks that it waits for.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = '{schema}.sources'::regclass AND tgname = 'add_partition') THEN
        CREATE CONSTRAINT TRIGGER add_partition AFTER INSERT ON {schema}.sources
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION {schema}.follow_source();
        CREATE TRIGGER drop_partition AFTER DELETE ON {schema}.sources
            FOR EACH ROW EXECUTE FUNCTION {schema}.follow_source();
    END IF;
END
$$;

-- name: partitions_of_sources
-- Adds the partitions of sources that were loaded without a row.
SELECT {schema}.add_partition({table}::regclass, id) FROM {schema}.sources WHERE dataset = {dataset};
