-- Returns whether the database has this schema.sql, and no role of a stage came or went since it was applied.
SELECT coalesce(
    schema_sha256 = %(digest)s
        AND schema_roles = ARRAY(SELECT rolname::text FROM pg_roles WHERE rolname = ANY (%(roles)s) ORDER BY 1)
        -- A copy of a database, by a dump or as a template, has not the rights on the database itself; one by a dump
        -- without privileges has none at all.
        AND NOT EXISTS (
            SELECT
            FROM pg_roles
            WHERE rolname = ANY (%(roles)s)
              AND NOT (
                  has_database_privilege(oid, current_database(), 'CONNECT')
                  AND has_table_privilege(oid, to_regclass('datasets'), 'SELECT')
              )
        ),
    false
)
FROM installation;
