-- What the ledger shows of loads, workers and rejected rows. Reads only.

-- name: moment
-- Returns the time, which transactions are committed, and when the server was started.
SELECT clock_timestamp(), pg_current_snapshot()::text, pg_postmaster_start_time();

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

-- name: written_loads
-- Returns the loads of which a chunk was written since a snapshot was taken, or by a transaction that was under way then.
-- By the system column xmin: reads each chunk, but none of its values.
SELECT DISTINCT load_id
FROM load_chunks
WHERE age(xmin) <= age(pg_snapshot_xmin(%(snapshot)s::pg_snapshot)::xid);

-- name: chunks
-- Returns for each of some loads: its id, rows that are committed, what became of them, retries, chunks that are
-- committed, when the last one was, rows and end of those loaded for the first time, the seconds that chunks took, and
-- the rows committed within the last %(window)s seconds. Neither chunks that were carried over nor those reopened later
-- are loaded for the first time.
SELECT
    load_id,
    coalesce(sum(load_chunks.row_count) FILTER (WHERE committed_at IS NOT NULL), 0)::bigint,
    coalesce(sum(inserted), 0)::bigint,
    coalesce(sum(updated), 0)::bigint,
    coalesce(sum(unchanged), 0)::bigint,
    coalesce(sum(rejected), 0)::bigint,
    coalesce(sum(deleted), 0)::bigint,
    coalesce(sum(retries) FILTER (WHERE committed_at IS NOT NULL), 0)::bigint,
    count(committed_at)::integer,
    max(ended_at),
    coalesce(sum(load_chunks.row_count) FILTER (WHERE is_first_time), 0)::bigint,
    max(ended_at) FILTER (WHERE is_first_time),
    coalesce(sum(seconds) FILTER (WHERE committed_at IS NOT NULL), 0)::float8,
    coalesce(
        sum(load_chunks.row_count) FILTER (WHERE ended_at > now() - %(window)s * interval '1 s' AND seconds > 0), 0
    )::bigint
FROM load_chunks
JOIN loads ON loads.id = load_id
CROSS JOIN LATERAL (
    SELECT committed_at + coalesce(seconds, 0) * interval '1 s', committed_at > sealed_at AND reopened = 0
) AS derived (ended_at, is_first_time)
WHERE load_id = ANY (%(loads)s)
GROUP BY load_id;

-- name: workers
-- Returns what each worker has committed of some loads: load, worker, chunks, rows.
SELECT load_id, worker, count(*)::integer, sum(row_count)::bigint
FROM load_chunks
WHERE load_id = ANY (%(loads)s)
  AND worker IS NOT NULL
  AND committed_at IS NOT NULL
GROUP BY load_id, worker;

-- name: durations
-- Returns how long chunks of some loads took: load, number of the bounds that a chunk exceeds, chunks.
SELECT load_id, width_bucket(seconds::float8, %(bounds)s::float8[]), count(*)::integer
FROM load_chunks
WHERE load_id = ANY (%(loads)s)
  AND seconds IS NOT NULL
  AND committed_at IS NOT NULL
GROUP BY 1, 2;

-- name: rejected_rules
-- Returns the rules that rows of some sources break: source, rule, number of rows, and line and reason of the first.
SELECT sources.name, kind, count(*)::bigint, min(line), (array_agg(reason ORDER BY row_number))[1]
FROM rejected_rows
JOIN sources ON sources.id = source_id
CROSS JOIN LATERAL (SELECT DISTINCT unnest(kinds) AS kind) AS each
WHERE sources.name = ANY (%(sources)s)
GROUP BY sources.name, kind;

-- name: server
-- Returns the version of the server, and the bytes that the database and its tables take.
SELECT current_setting('server_version'), pg_database_size(current_database());

-- name: tables
-- Returns the tables of datasets, largest first: dataset, table with its schema, bytes with indexes, estimated rows.
SELECT
    datasets.name,
    format('%%I.%%I', table_schema, table_name),
    pg_total_relation_size(pg_class.oid),
    greatest(reltuples, 0)::bigint
FROM datasets
JOIN pg_namespace ON nspname = table_schema
JOIN pg_class ON relnamespace = pg_namespace.oid AND relname = table_name
ORDER BY 3 DESC, 1;
