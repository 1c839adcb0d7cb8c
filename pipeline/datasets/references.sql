-- name: look_up
-- Returns the keys that there are: position in the list from 1, and id of the row (0 if the reference stores none).
SELECT DISTINCT ON (wanted.position) wanted.position, target.id::text
FROM unnest({wanted}) WITH ORDINALITY AS wanted ({wanted_columns}, position)
JOIN (SELECT {id}, {columns} FROM {table} {previewed}) AS target (id, {wanted_columns}) ON {is_looked_up}
ORDER BY wanted.position, target.id DESC;   -- in a preview, a row that is there before one that will be

-- name: hold_ids
-- Returns how many rows of these ids there are, and keeps them there until the end of the transaction.
SELECT count(*) FROM (SELECT FROM {table} WHERE id = ANY (%(ids)s) FOR KEY SHARE) AS held;

-- name: hold_keys
-- Returns how many rows of these keys there are, and keeps them there until the end of the transaction.
SELECT count(*)
FROM (
    SELECT
    FROM unnest({wanted}) AS wanted ({wanted_columns})
    JOIN {table} AS target ON {is_wanted}
    FOR KEY SHARE OF target
) AS held;
