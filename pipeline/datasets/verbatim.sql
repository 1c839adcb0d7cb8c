-- name: holds_rules
-- Returns whether the table has a CHECK for each of these conditions, until the transaction ends, and the server's log shows
-- no row that breaks one.
LOCK TABLE {table} IN ROW EXCLUSIVE MODE;

SELECT current_setting('log_error_verbosity') = 'terse' AND NOT EXISTS (
    SELECT unnest(%(conditions)s::text[])
    EXCEPT
    SELECT recorded ->> 'condition'
    FROM datasets
    CROSS JOIN jsonb_array_elements(structure -> -1 -> 'checks') AS recorded
    JOIN pg_constraint ON conname = recorded ->> 'name'
    WHERE datasets.name = %(dataset)s
      AND conrelid = '{table}'::regclass
      AND convalidated
);
