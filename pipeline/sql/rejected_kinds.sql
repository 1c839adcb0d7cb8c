-- Returns the kinds of faults among the rejected rows with their number of rows, commonest first.
SELECT kind, count(*)
FROM rejected_rows
CROSS JOIN LATERAL (SELECT DISTINCT unnest(kinds) AS kind) AS each
GROUP BY kind
ORDER BY count(*) DESC, kind COLLATE "C"
LIMIT %(limit)s;
