-- Returns the number of rules that rows break, counted for each source.
SELECT count(*)
FROM (SELECT DISTINCT source_id, unnest(kinds) FROM rejected_rows) AS broken;
