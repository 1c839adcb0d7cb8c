-- Returns schema and name of the tables of datasets that the role of a stage cannot read yet.
SELECT DISTINCT nspname::text, relname::text
FROM datasets
CROSS JOIN jsonb_array_elements(structure) AS made
JOIN pg_namespace ON nspname = made ->> 'schema'
JOIN pg_class ON relnamespace = pg_namespace.oid AND relname = made ->> 'name'
JOIN pg_roles ON rolname = ANY (%(roles)s)
WHERE NOT has_table_privilege(pg_roles.oid, pg_class.oid, 'SELECT')
   OR NOT has_schema_privilege(pg_roles.oid, pg_namespace.oid, 'USAGE');
