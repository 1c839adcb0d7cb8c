-- name: referrers
-- Returns the foreign keys of other tables to a table: the other table, its columns, the columns they refer to, and whether
-- its rows name their source. Those of what several sources list do not; each is in a table of listings, which do.
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
    EXISTS (SELECT FROM pg_attribute WHERE attrelid = conrelid AND attname = 'source_id' AND NOT attisdropped)
FROM pg_constraint
WHERE contype = 'f'
  AND confrelid = %(table)s::regclass
  AND conrelid <> confrelid;

-- name: rows_that_refer
-- Returns the sources of the rows that refer to rows which are to be removed, each with its number of rows.
SELECT sources.name, count(*)
FROM {table} AS referred
JOIN {referring} AS referring ON {refers}
JOIN sources ON sources.id = referring.source_id
WHERE {is_removed}
GROUP BY sources.name;
