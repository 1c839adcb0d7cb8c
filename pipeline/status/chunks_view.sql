-- What has become of chunks, by blocks of %(size)s that follow each other in a load. Blocks are wanted by two arrays, of
-- loads and of numbers in the load. Reads only. Each block is summed up in a LATERAL subquery, so that only its own chunks
-- are read, by the primary key.

-- name: written_blocks
-- Returns the blocks of which a chunk was written since a snapshot was taken, or by a transaction that was under way then:
-- load, block. By the system column xmin: reads each chunk, but little of it.
SELECT DISTINCT load_id, number / %(size)s
FROM load_chunks
WHERE age(xmin) <= age(pg_snapshot_xmin(%(snapshot)s::pg_snapshot)::xid);

-- name: chunks
-- Returns of each block: load, block, rows that are committed, what became of them, retries, chunks that are committed,
-- when the last one was, rows and end of those loaded for the first time, the seconds that chunks took, the rows that wait to
-- be settled, the rows committed within the last %(window)s seconds, and when the first chunk of those was begun. Neither
-- chunks that were carried over nor those reopened later are loaded for the first time.
SELECT loads.id, block, summed.*
FROM unnest(%(loads)s::bigint[], %(blocks)s::integer[]) AS wanted (load_id, block)
JOIN loads ON loads.id = wanted.load_id
CROSS JOIN LATERAL (
    SELECT
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
        coalesce(sum(seconds::float8) FILTER (WHERE committed_at IS NOT NULL), 0),
        coalesce(sum(unchanged) FILTER (WHERE is_kept_aside), 0)::bigint,
        coalesce(sum(load_chunks.row_count) FILTER (WHERE is_recent), 0)::bigint,
        min(committed_at) FILTER (WHERE is_recent)
    FROM load_chunks
    LEFT JOIN chunk_texts USING (load_id, number)
    CROSS JOIN LATERAL (
        SELECT committed_at + coalesce(seconds, 0) * interval '1 s', committed_at > sealed_at AND reopened = 0
    ) AS derived (ended_at, is_first_time)
    CROSS JOIN LATERAL (
        SELECT ended_at > now() - %(window)s * interval '1 s' AND seconds > 0
    ) AS rated (is_recent)
    WHERE load_chunks.load_id = wanted.load_id
      AND number BETWEEN block * %(size)s AND block * %(size)s + %(size)s - 1
) AS summed;

-- name: workers
-- Returns what each worker has committed: load, block, worker, chunks, rows.
SELECT wanted.load_id, block, summed.*
FROM unnest(%(loads)s::bigint[], %(blocks)s::integer[]) AS wanted (load_id, block)
CROSS JOIN LATERAL (
    SELECT worker, count(*)::integer, sum(row_count)::bigint
    FROM load_chunks
    WHERE load_chunks.load_id = wanted.load_id
      AND number BETWEEN block * %(size)s AND block * %(size)s + %(size)s - 1
      AND worker IS NOT NULL
      AND committed_at IS NOT NULL
    GROUP BY worker
) AS summed;

-- name: durations
-- Returns how long chunks took: load, block, number of the bounds that a chunk exceeds, chunks.
SELECT wanted.load_id, block, summed.*
FROM unnest(%(loads)s::bigint[], %(blocks)s::integer[]) AS wanted (load_id, block)
CROSS JOIN LATERAL (
    SELECT width_bucket(seconds::float8, %(bounds)s::float8[]) AS exceeded, count(*)::integer
    FROM load_chunks
    WHERE load_chunks.load_id = wanted.load_id
      AND number BETWEEN block * %(size)s AND block * %(size)s + %(size)s - 1
      AND seconds IS NOT NULL
      AND committed_at IS NOT NULL
    GROUP BY exceeded
) AS summed;

-- name: rejected_rules
-- Returns the rules that rows break, of current loads: load, block, rule, number of rows, line and reason of the first.
SELECT wanted.load_id, block, kind, broken.row_count, line, reason
FROM unnest(%(loads)s::bigint[], %(blocks)s::integer[]) AS wanted (load_id, block)
JOIN loads ON loads.id = wanted.load_id
CROSS JOIN LATERAL (
    SELECT
        min(first_row) AS first_row,
        CASE WHEN max(number) < chunk_count
            THEN max(first_row + load_chunks.row_count - 1)
            ELSE 9223372036854775807   -- the last chunk of a load also owns all rows after it
        END AS last_row
    FROM load_chunks
    WHERE load_chunks.load_id = wanted.load_id
      AND number BETWEEN block * %(size)s AND block * %(size)s + %(size)s - 1
) AS span
CROSS JOIN LATERAL (
    SELECT kind, count(*)::bigint AS row_count, min(row_number) AS row_number
    FROM rejected_rows
    CROSS JOIN LATERAL (SELECT DISTINCT unnest(kinds) AS kind) AS each
    WHERE rejected_rows.source_id = loads.source_id
      AND row_number BETWEEN span.first_row AND span.last_row
    GROUP BY kind
) AS broken
JOIN rejected_rows AS first_of_rule
    ON first_of_rule.source_id = loads.source_id AND first_of_rule.row_number = broken.row_number
WHERE NOT EXISTS (SELECT FROM loads AS newer WHERE newer.source_id = loads.source_id AND newer.id > loads.id);
