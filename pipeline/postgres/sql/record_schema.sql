-- Records which schema.sql the database has, and which roles of stages have their rights from it.
UPDATE installation
SET schema_sha256 = %(digest)s,
    schema_roles = ARRAY(SELECT rolname::text FROM pg_roles WHERE rolname = ANY (%(roles)s) ORDER BY 1);
