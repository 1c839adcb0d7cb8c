-- Returns those of the roles that there are.
SELECT rolname::text FROM pg_roles WHERE rolname = ANY (%(roles)s) ORDER BY rolname;
