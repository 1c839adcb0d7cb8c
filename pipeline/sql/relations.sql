-- Returns schema and name of everything whose name a new table cannot have.
SELECT nspname::text, relname::text
FROM pg_class
JOIN pg_namespace ON pg_namespace.oid = relnamespace;
