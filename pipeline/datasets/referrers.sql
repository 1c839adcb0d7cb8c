-- name: referrers
-- Returns the foreign keys to a table, of others and of itself: the table that refers, its columns, the columns they refer to, whether
-- its rows name their source, and whether it is the table itself. Those of what several sources list do not; each is in a table of listings, which do.
SELECT
    conrelid::regclass::text,
    ARRAY(
        SELECT quote_ident(attname)
        FROM unnest(conkey) WITH ORDINALITY AS of_key (attnum, position)
        JOIN pg_attribute USING (attnum)
        WHERE attrelid = conrelid
        ORDER BY position
    ),
    ARRAY(
        SELECT quote_ident(attname)
        FROM unnest(confkey) WITH ORDINALITY AS of_key (attnum, position)
        JOIN pg_attribute USING (attnum)
        WHERE attrelid = confrelid
        ORDER BY position
    ),
    EXISTS (SELECT FROM pg_attribute WHERE attrelid = conrelid AND attname = 'source_id' AND NOT attisdropped),
    conrelid = confrelid
FROM pg_constraint
WHERE contype = 'f'
  AND confrelid = %(table)s::regclass
  AND conparentid = 0;   -- those of partitions are part of the key of their table

-- name: rows_that_refer
-- Returns the sources of the rows that refer to rows which are to be removed, each with its number of rows.
SELECT sources.name, count(*)
FROM {table} AS referred
JOIN {referring} AS referring ON {refers}
JOIN sources ON sources.id = referring.source_id
WHERE {is_removed}
  AND sources.id <> ALL (%(together)s)
GROUP BY sources.name;
