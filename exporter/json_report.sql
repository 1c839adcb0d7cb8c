-- Returns each value of a report's query as JSON: its bytes in pieces, 2,000 of which make 4 MB, with their positions.
WITH report (value) AS (
{query}
), encoded AS MATERIALIZED (   -- once, not for each piece
    SELECT convert_to(coalesce(to_json(value)::text, 'null'), 'UTF8') AS bytes
    FROM report
)
SELECT first, substring(bytes FROM first FOR 2048) AS piece
FROM encoded
CROSS JOIN LATERAL generate_series(1, octet_length(bytes), 2048) AS first;
