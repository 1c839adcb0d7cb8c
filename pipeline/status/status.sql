-- What the ledger shows of loads, workers and rejected rows. Reads only.

-- name: loads
-- Returns the current load of each source and the newest %(history)s earlier ones, newest first: identity, state and counts,
-- seconds and rows per second, rows that wait to be settled, and the rows committed within the last %(window)s seconds.
-- Speed counts neither chunks that were carried over nor those reopened later.
WITH current AS (
    SELECT max(id) AS id FROM loads GROUP BY source_id
), shown AS (
    SELECT id, true AS is_current FROM current
    UNION ALL
    (SELECT id, false FROM loads WHERE id NOT IN (SELECT id FROM current) ORDER BY id DESC LIMIT %(history)s)
), chunks AS (
    SELECT
        load_id,
        count(committed_at)::integer AS committed,
        coalesce(sum(load_chunks.row_count) FILTER (WHERE committed_at IS NOT NULL), 0)::bigint AS committed_rows,
        coalesce(sum(inserted), 0)::bigint AS inserted,
        coalesce(sum(updated), 0)::bigint AS updated,
        coalesce(sum(unchanged), 0)::bigint AS unchanged,
        coalesce(sum(rejected), 0)::bigint AS rejected,
        coalesce(sum(deleted), 0)::bigint AS deleted,
        coalesce(sum(unchanged) FILTER (WHERE is_kept_aside), 0)::bigint AS waiting_rows,
        max(ended_at) AS last_commit,
        coalesce(sum(load_chunks.row_count) FILTER (WHERE is_first_time), 0)::bigint AS loaded_rows,
        EXTRACT(epoch FROM max(ended_at) FILTER (WHERE is_first_time) - min(sealed_at))::float8 AS seconds,
        coalesce(
            sum(load_chunks.row_count) FILTER (WHERE ended_at > now() - %(window)s * interval '1 s' AND seconds > 0), 0
        )::bigint AS recent_rows
    FROM load_chunks
    JOIN loads ON loads.id = load_id
    LEFT JOIN chunk_texts USING (load_id, number)
    CROSS JOIN LATERAL (
        SELECT committed_at + coalesce(seconds, 0) * interval '1 s', committed_at > sealed_at AND reopened = 0
    ) AS derived (ended_at, is_first_time)
    WHERE load_id IN (SELECT id FROM shown)
    GROUP BY load_id
)
SELECT
    loads.id,
    sources.name,
    sources.dataset,
    left(loads.sha256, 12),
    CASE WHEN NOT is_current THEN 'superseded' WHEN committed = chunk_count THEN 'complete' ELSE 'loading' END,
    row_count,
    committed_rows,
    inserted,
    updated,
    unchanged,
    rejected,
    deleted,
    chunk_count,
    committed,
    sealed_at,
    last_commit,
    seconds,
    loaded_rows / nullif(seconds, 0),
    waiting_rows,
    recent_rows
FROM shown
JOIN loads USING (id)
JOIN sources ON sources.id = source_id
JOIN chunks ON load_id = loads.id
ORDER BY loads.id DESC;

-- name: workers
-- Returns what some workers have committed of the current loads: worker, chunks, rows.
SELECT worker, count(*)::integer, sum(load_chunks.row_count)::bigint
FROM load_chunks
WHERE worker = ANY (%(workers)s)
  AND committed_at IS NOT NULL
  AND load_id IN (SELECT max(id) FROM loads GROUP BY source_id)
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
