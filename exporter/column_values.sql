-- What the columns of a dataset's table hold. Reads only.

-- name: pages
-- Returns the number of pages of a table, without what is stored apart; of partitions their sum.
SELECT (
    pg_relation_size(to_regclass(%(table)s))
    + coalesce((SELECT sum(pg_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = to_regclass(%(table)s)), 0)
)::bigint / current_setting('block_size')::bigint;

-- name: values_of_table
-- Returns a row for each column, in no order. `seen` is the table, or a sample of its pages.
WITH seen AS MATERIALIZED (
    SELECT {columns}
    FROM {table} {sample}
)
{values_of_columns}

-- name: sample
-- Some of the table's pages, the same ones each time.
TABLESAMPLE SYSTEM ({percent}) REPEATABLE (0)

-- name: values_of_column
-- Returns what one column holds: its number, rows seen, values that are not NULL, different ones, the least and the greatest,
-- the commonest and how often it stands there. Texts are cut: they may be long.
SELECT
    {number},
    (SELECT count(*) FROM seen),
    coalesce(sum(times), 0)::bigint,
    count(*),
    left(min(value)::text, {length}),
    left(max(value)::text, {length}),
    (array_agg(left(value::text, {length}) ORDER BY times DESC, left(value::text, {length})))[1],
    coalesce(max(times), 0)
FROM (
    SELECT {value} AS value, count(*) AS times
    FROM seen
    WHERE {column} IS NOT NULL
    GROUP BY 1
) AS different
