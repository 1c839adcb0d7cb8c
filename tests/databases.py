"""The databases of the tests: copies of templates. The next test gets the same copy if a test changed rows alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import psycopg2.errors

from tests.support import administration, with_path

NUMBERS = count(1)
CATALOGS = {  # each with the column that says whose objects its rows describe
    **dict.fromkeys(("pg_class", "pg_constraint", "pg_proc", "pg_rewrite", "pg_trigger"), "oid"),
    **dict.fromkeys(("pg_attrdef", "pg_default_acl", "pg_event_trigger", "pg_extension", "pg_type"), "oid"),
    **{"pg_attribute": "attrelid", "pg_description": "objoid", "pg_index": "indexrelid", "pg_statistic": "starelid"},
}
SCHEMAS = "nspname NOT LIKE 'pg\\_temp%' AND nspname NOT LIKE 'pg\\_toast%'"  # a session's own stay when it ends
FIRST_OID = 16384  # of objects that are not PostgreSQL's own
VERSION = "SELECT '{0}', count(*), max(xmin::text::bigint) FROM {0}"  # of rows: changes with any of them
OF_DATABASE = """
    SELECT datacl::text, datconnlimit, (SELECT count(*) FROM pg_db_role_setting WHERE setdatabase = pg_database.oid),
        pg_database_size(oid) > 12000000  -- to drop it is quicker than to delete its rows
    FROM pg_database
    WHERE datname = %s
"""
TABLES = f"SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND oid >= {FIRST_OID} ORDER BY 1"
RESTARTS = """
    SELECT format('SELECT setval(%s, %s, %L)', seqrelid, coalesce(pg_sequence_last_value(seqrelid), seqstart),
        pg_sequence_last_value(seqrelid) IS NOT NULL)
    FROM pg_sequence
"""
END_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
SPARE = "spare_{}"  # what still runs of the test before finds no database under the name that it knows
UNCHANGED = (None, -1, 0, False)


@dataclass(frozen=True)
class Template:
    """What a copy has before a test."""

    name: str
    states: list[tuple[str, list[tuple[Any, ...]]]]  # queries and their rows: of the objects, then of filled tables
    emptying: str  # statements that leave a copy as it was, if its state is

    @classmethod
    def of(cls, name: str, url: str) -> "Template":
        with administration(url) as cursor:
            cursor.execute(TABLES)
            counts = {}
            for (table,) in cursor.fetchall():
                cursor.execute(f"SELECT EXISTS (SELECT FROM {table})")
                counts[table] = cursor.fetchone()[0]
            objects = [f"{VERSION.format(name)} WHERE {column} >= {FIRST_OID}" for name, column in CATALOGS.items()]
            filled = [VERSION.format(table) for table, has_rows in counts.items() if has_rows]
            schemas = f"{VERSION.format('pg_namespace')} WHERE {SCHEMAS}"
            states = []
            for parts in ([schemas, *objects], filled):
                state = " UNION ALL ".join(parts)
                cursor.execute(state)
                states.append((state, cursor.fetchall()))
            cursor.execute(RESTARTS)
            restarts = [restart for (restart,) in cursor.fetchall()]
            deletes = [f"DELETE FROM {table}" for table, has_rows in counts.items() if not has_rows]
        emptying = "; ".join(["SET session_replication_role = replica", *deletes, *restarts])
        return cls(name, states, emptying)


class Databases:
    """Belongs to one process of pytest, and gives one database at a time."""

    def __init__(self, url: str, templates: tuple[str, ...]) -> None:
        self._url = url
        self._templates = {name: Template.of(name, with_path(url, f"/{name}")) for name in templates}
        self._spare: dict[str, str] = {}

    @contextmanager
    def copy_of(self, template: str) -> Iterator[str]:
        """Yields the URL of a database that holds what the template does, under a name of its own."""
        name = f"test_{next(NUMBERS)}"
        spare = self._spare.pop(template, None)
        with administration(self._url) as cursor:
            if spare:
                cursor.execute(f"ALTER DATABASE {spare} RENAME TO {name}")
            else:
                cursor.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        yield with_path(self._url, f"/{name}")
        spare = SPARE.format(name)
        with administration(self._url) as cursor:
            cursor.execute(END_SESSIONS, (name,))
            try:
                cursor.execute(f"ALTER DATABASE {name} RENAME TO {spare}")
            except psycopg2.errors.ObjectInUse:  # by what connects again and again
                cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
                return
            cursor.execute(OF_DATABASE, (spare,))
            if cursor.fetchone() == UNCHANGED and self._is_emptied(spare, self._templates[template]):
                self._spare[template] = spare
            else:
                cursor.execute(f"DROP DATABASE {spare} WITH (FORCE)")

    def _is_emptied(self, name: str, template: Template) -> bool:
        """Empties the database if a test changed rows alone."""
        with administration(with_path(self._url, f"/{name}")) as cursor:
            for state, rows in template.states:
                cursor.execute(state)
                if cursor.fetchall() != rows:
                    return False
            cursor.execute(template.emptying)
        return True
