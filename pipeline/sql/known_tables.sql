-- Returns the datasets that have tables: name, schema and name of its own table, and what its tables were made from,
-- or NULL if one of those is gone.
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
    ) THEN structure END
FROM datasets;
