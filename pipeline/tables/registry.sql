-- Which tables of datasets a database has.

-- name: known_tables
-- Returns the datasets that have tables: name, schema and name of its own table, and what its tables were made from,
-- or NULL if one of those is gone; then its own SQL.
SELECT
    name,
    table_schema,
    table_name,
    CASE WHEN NOT EXISTS (
        SELECT
        FROM jsonb_array_elements(structure) AS made
        WHERE NOT EXISTS (
            SELECT
            FROM pg_class
            JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE nspname = made ->> 'schema'
              AND relname = made ->> 'name'
        )
    ) THEN structure END,
    own_sql
FROM datasets;

-- name: relations
-- Returns schema and name of everything whose name a new table cannot have.
SELECT nspname::text, relname::text
FROM pg_class
JOIN pg_namespace ON pg_namespace.oid = relnamespace;

-- name: roles
-- Returns those of the roles that there are.
SELECT rolname::text FROM pg_roles WHERE rolname = ANY (%(roles)s) ORDER BY rolname;

-- name: tables_without_rights
-- Returns schema and name of the tables of datasets on which the role of a stage lacks a right.
SELECT DISTINCT nspname::text, relname::text
FROM datasets
CROSS JOIN jsonb_array_elements(structure || coalesce(own_sql -> 'tables', '[]')) AS made
JOIN pg_namespace ON nspname = made ->> 'schema'
JOIN pg_class ON relnamespace = pg_namespace.oid AND relname = made ->> 'name'
JOIN pg_roles ON rolname = ANY (%(roles)s)
WHERE NOT has_table_privilege(pg_roles.oid, pg_class.oid, 'SELECT')
   OR rolname IN ('pipeline_producer', 'pipeline_worker') AND NOT has_table_privilege(pg_roles.oid, pg_class.oid, 'DELETE')
   OR rolname = 'pipeline_worker' AND NOT has_table_privilege(pg_roles.oid, pg_class.oid, 'INSERT')
   OR rolname = 'pipeline_worker' AND NOT has_any_column_privilege(pg_roles.oid, pg_class.oid, 'UPDATE')
   OR NOT has_schema_privilege(pg_roles.oid, pg_namespace.oid, 'USAGE');

-- name: first_sources
-- Returns the first sources of a dataset, by name.
SELECT name FROM sources WHERE dataset = %(dataset)s ORDER BY name COLLATE "C" LIMIT %(limit)s;

-- name: missing_columns
-- Returns dataset, table and column of what tables were made with and do not have any more.
SELECT datasets.name, made ->> 'name', field ->> 'name'
FROM datasets
CROSS JOIN jsonb_array_elements(structure) AS made
CROSS JOIN jsonb_array_elements(made -> 'columns') AS field
JOIN pg_namespace ON nspname = made ->> 'schema'
JOIN pg_class ON relnamespace = pg_namespace.oid AND relname = made ->> 'name'
WHERE datasets.name = ANY (%(datasets)s)
  AND NOT EXISTS (
    SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname = field ->> 'name' AND NOT attisdropped
)
ORDER BY 1, 2, 3;
