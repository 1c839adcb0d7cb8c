"""What a database has of tables, as PostgreSQL's catalogs say it, to be compared."""

from typing import Any

from pipeline.postgres.database import Database

QUERIES = {
    "relations": """
        SELECT relname, relkind, relpersistence, obj_description(oid, 'pg_class'),
            CASE relkind WHEN 'v' THEN pg_get_viewdef(oid) WHEN 'i' THEN pg_get_indexdef(oid) END
        FROM pg_class
        WHERE relnamespace = %(schema)s::regnamespace
    """,
    "columns": """
        SELECT relname, rank() OVER (PARTITION BY relname ORDER BY attnum), attname, format_type(atttypid, atttypmod),
            attnotnull, attidentity, attstorage, pg_get_expr(adbin, adrelid), col_description(attrelid, attnum)
        FROM pg_attribute
        JOIN pg_class ON pg_class.oid = attrelid
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE relnamespace = %(schema)s::regnamespace AND relkind IN ('r', 'v') AND attnum > 0 AND NOT attisdropped
    """,
    "constraints": """
        SELECT relname, conname, pg_get_constraintdef(pg_constraint.oid)
        FROM pg_constraint
        JOIN pg_class ON pg_class.oid = conrelid
        WHERE relnamespace = %(schema)s::regnamespace
    """,
    "rights": """
        SELECT relname, NULL, grantee::regrole::text, privilege_type
        FROM pg_class, aclexplode(relacl)
        WHERE relnamespace = %(schema)s::regnamespace
        UNION ALL
        SELECT relname, attname, grantee::regrole::text, of_column.privilege_type
        FROM pg_attribute
        JOIN pg_class ON pg_class.oid = attrelid, aclexplode(attacl) AS of_column
        WHERE relnamespace = %(schema)s::regnamespace
          AND NOT EXISTS (   -- on the whole table too
              SELECT
              FROM aclexplode(relacl) AS of_table
              WHERE of_table.grantee = of_column.grantee AND of_table.privilege_type = of_column.privilege_type
          )
    """,
}


def catalog(database: Database, schema: str = "public", *tables: str) -> dict[str, set[tuple[Any, ...]]]:
    """Relations, columns, constraints and rights of a schema, or of the tables named with their indexes."""
    with database.transaction() as tx:
        found = {name: set(tx.rows(query, schema=schema)) for name, query in QUERIES.items()}
    if not tables:
        return found
    return {name: {row for row in rows if row[0].startswith(tables)} for name, rows in found.items()}


def differences(
    catalog: dict[str, set[tuple[Any, ...]]], other: dict[str, set[tuple[Any, ...]]]
) -> set[tuple[Any, ...]]:
    """What stands in one of them alone."""
    return {row for name in QUERIES for row in catalog[name] ^ other[name]}
