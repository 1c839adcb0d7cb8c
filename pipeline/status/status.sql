-- What the ledger shows of loads, workers and rejected rows. Reads only.

-- name: loads
-- Returns every load, newest first: its identity, state and counts, seconds and rows per second, and the rows committed
-- within the last %(window)s seconds. Speed counts neither chunks that were carried over nor those reopened later.
SELECT
    loads.id,
    sources.name,
    sources.dataset,
    left(loads.sha256, 12),
    CASE
        WHEN NOT is_current THEN 'superseded'
        WHEN chunks.committed = loads.chunk_count THEN 'complete'
        ELSE 'loading'
    END,
    loads.row_count,
    chunks.committed_rows,
    chunks.inserted,
    chunks.updated,
    chunks.unchanged,
    chunks.rejected,
    chunks.deleted,
    loads.chunk_count,
    chunks.committed,
    loads.sealed_at,
    chunks.last_commit,
    loading.seconds,
    chunks.loaded_rows / nullif(loading.seconds, 0),
    chunks.recent_rows
FROM loads
JOIN sources ON sources.id = loads.source_id
CROSS JOIN LATERAL (
    SELECT NOT EXISTS (SELECT FROM loads AS newer WHERE newer.source_id = loads.source_id AND newer.id > loads.id)
) AS newest (is_current)
CROSS JOIN LATERAL (
    SELECT
        count(committed_at)::integer AS committed,
        coalesce(sum(load_chunks.row_count) FILTER (WHERE committed_at IS NOT NULL), 0)::bigint AS committed_rows,
        coalesce(sum(inserted), 0)::bigint AS inserted,
        coalesce(sum(updated), 0)::bigint AS updated,
        coalesce(sum(unchanged), 0)::bigint AS unchanged,
        coalesce(sum(rejected), 0)::bigint AS rejected,
        coalesce(sum(deleted), 0)::bigint AS deleted,
        max(committed_at + coalesce(seconds, 0) * interval '1 s') AS last_commit,
        coalesce(sum(load_chunks.row_count) FILTER (WHERE is_first_time), 0)::bigint AS loaded_rows,
        max(committed_at + coalesce(seconds, 0) * interval '1 s') FILTER (WHERE is_first_time) AS loaded_until,
        coalesce(
            sum(load_chunks.row_count) FILTER (WHERE committed_at > now() - %(window)s * interval '1 s' AND seconds > 0), 0
        )::bigint AS recent_rows
    FROM load_chunks
    CROSS JOIN LATERAL (SELECT committed_at > loads.sealed_at AND reopened = 0) AS first_time (is_first_time)
    WHERE load_id = loads.id
) AS chunks
CROSS JOIN LATERAL (
    SELECT EXTRACT(epoch FROM chunks.loaded_until - loads.sealed_at)::float8
) AS loading (seconds)
ORDER BY loads.id DESC;

-- name: workers
-- Returns what workers have committed of the current loads: worker, chunks, rows.
SELECT worker, count(*)::integer, sum(load_chunks.row_count)::bigint
FROM load_chunks
JOIN current_loads ON current_loads.id = load_id
WHERE worker IS NOT NULL AND committed_at IS NOT NULL
GROUP BY worker;

-- name: rejected_rules
-- Returns the rules that rows break, by source: source, rule, number of rows, and line and reason of the first of them.
SELECT sources.name, kind, count(*)::bigint, min(line), (array_agg(reason ORDER BY row_number))[1]
FROM rejected_rows
JOIN sources ON sources.id = source_id
CROSS JOIN LATERAL (SELECT DISTINCT unnest(kinds) AS kind) AS each
GROUP BY sources.name, kind
ORDER BY count(*) DESC, sources.name COLLATE "C", kind COLLATE "C"
LIMIT %(limit)s;

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
