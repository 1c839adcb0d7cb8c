-- Returns the kinds of faults among the rejected rows, commonest first, each with its number of rows, and with source,
-- line and reason of the first of them.
WITH commonest AS (
    SELECT kind, count(*) AS row_count
    FROM rejected_rows
    CROSS JOIN LATERAL (SELECT DISTINCT unnest(kinds) AS kind) AS each
    GROUP BY kind
    ORDER BY count(*) DESC, kind COLLATE "C"
    LIMIT %(limit)s
)
SELECT kind, row_count, sources.name, example.line, example.reason
FROM commonest
CROSS JOIN LATERAL (
    SELECT source_id, line, reason
    FROM rejected_rows
    WHERE kind = ANY (kinds)
    ORDER BY source_id, row_number
    LIMIT 1
) AS example
JOIN sources ON sources.id = example.source_id
ORDER BY row_count DESC, kind COLLATE "C";
