-- Returns whether the database has this schema.sql, and no role of a stage came or went since it was applied.
SELECT coalesce(
    schema_sha256 = %(digest)s
        AND schema_roles = ARRAY(SELECT rolname::text FROM pg_roles WHERE rolname = ANY (%(roles)s) ORDER BY 1),
    false
)
FROM installation;
