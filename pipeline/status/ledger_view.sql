-- What the ledger shows of loads, tables and the server. Reads only.

-- name: moment
-- Returns the time, which transactions are committed, when the server was started, and how many loads there are and the
-- newest: others if one was sealed or forgotten, since no id comes twice.
SELECT
    clock_timestamp(),
    pg_current_snapshot()::text,
    pg_postmaster_start_time(),
    (SELECT ARRAY[count(*), max(id)] FROM loads);

-- name: loads
-- Returns the current load of each source and the newest %(history)s earlier ones, newest first: id, source, dataset,
-- version, whether it is current, rows, chunks, and when it was sealed.
WITH current AS (
    SELECT max(id) AS id FROM loads GROUP BY source_id
), shown AS (
    SELECT id, true AS is_current FROM current
    UNION ALL
    (SELECT id, false FROM loads WHERE id NOT IN (SELECT id FROM current) ORDER BY id DESC LIMIT %(history)s)
)
SELECT loads.id, sources.name, sources.dataset, left(loads.sha256, 12), is_current, row_count, chunk_count, sealed_at
FROM shown
JOIN loads USING (id)
JOIN sources ON sources.id = source_id
ORDER BY loads.id DESC;

-- name: tables
-- Returns the tables of datasets, largest first: dataset, table with its schema, bytes with indexes, estimated rows; of
-- partitions their sum. The size of a table that is locked exclusively is NULL, since looking at it would wait for the
-- lock. So are the rows of a table that was never analyzed.
SELECT
    datasets.name,
    format('%%I.%%I', table_schema, table_name),
    CASE WHEN NOT EXISTS (
        SELECT FROM pg_locks WHERE relation = ANY (parts.oids) AND mode = 'AccessExclusiveLock' AND granted
    ) THEN (SELECT sum(pg_total_relation_size(oid)) FROM unnest(parts.oids) AS part (oid))::bigint END AS bytes,
    parts.rows
FROM datasets
JOIN pg_namespace ON nspname = table_schema
JOIN pg_class ON relnamespace = pg_namespace.oid AND relname = table_name
CROSS JOIN LATERAL (
    SELECT array_agg(part.oid) AS oids, sum(reltuples) FILTER (WHERE relkind = 'r' AND reltuples >= 0)::bigint AS rows
    FROM pg_class AS part
    WHERE part.oid = pg_class.oid
       OR part.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = pg_class.oid)
) AS parts
ORDER BY bytes DESC NULLS LAST, 1;

-- name: server
-- Returns the version of the server, and the bytes that the database and its tables take.
SELECT current_setting('server_version'), pg_database_size(current_database());
