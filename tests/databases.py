"""The databases of the tests: copies of templates.

The next test gets the same copy if what a test added is gone again with its rows and tables: a new copy costs 0.1 s.
It gets the sessions with the copy: a new one costs PostgreSQL 3 ms, and 10 ms more until its caches are filled.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import psycopg2

from pipeline.postgres import database as product
from pipeline.postgres.database import Database
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
TABLES = f"SELECT oid, oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p') AND oid >= {FIRST_OID} ORDER BY 2"
ADDED = f"SELECT string_agg(name, ', ') FROM ({TABLES}) AS tables (id, name) WHERE id <> ALL (%s)"
RESTARTS = """
    SELECT format('SELECT setval(%s, %s, %L)', seqrelid, coalesce(pg_sequence_last_value(seqrelid), seqstart),
        pg_sequence_last_value(seqrelid) IS NOT NULL)
    FROM pg_sequence
"""
END_OTHER_SESSIONS = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s AND pid <> ALL (%s)
"""
RENAME = "UPDATE pg_database SET datname = %s WHERE datname = %s"  # ALTER DATABASE refuses while there are sessions
SESSION_SETTINGS = (Path(product.__file__).parent / "sql" / "session.sql").read_text(encoding="utf-8")
UNCHANGED = (None, -1, 0, False)


@dataclass(frozen=True)
class State:
    """The versions of rows."""

    query: str
    rows: list[tuple[Any, ...]]

    @classmethod
    def of(cls, cursor: Any, versions: list[str]) -> "State":
        query = " UNION ALL ".join(versions)
        cursor.execute(query)
        return cls(query, cursor.fetchall())

    def is_kept(self, cursor: Any) -> bool:
        cursor.execute(self.query)
        return bool(cursor.fetchall() == self.rows)


@dataclass(frozen=True)
class Template:
    """What a copy has before a test."""

    name: str
    tables: list[int]  # their OIDs
    objects: State
    filled: State  # the rows of tables that have some
    emptying: str  # statements that remove the rows that a test added

    @classmethod
    def of(cls, name: str, url: str) -> "Template":
        with administration(url) as cursor:
            cursor.execute(TABLES)
            tables = cursor.fetchall()
            counts = {}
            for _, table in tables:
                cursor.execute(f"SELECT EXISTS (SELECT FROM {table})")
                counts[table] = cursor.fetchone()[0]
            catalogs = [f"{VERSION.format(name)} WHERE {column} >= {FIRST_OID}" for name, column in CATALOGS.items()]
            objects = State.of(cursor, [f"{VERSION.format('pg_namespace')} WHERE {SCHEMAS}", *catalogs])
            filled = State.of(cursor, [VERSION.format(table) for table, has_rows in counts.items() if has_rows])
            cursor.execute(RESTARTS)
            restarts = [restart for (restart,) in cursor.fetchall()]
            deletes = [f"DELETE FROM {table}" for table, has_rows in counts.items() if not has_rows]
            newer = [f"DELETE FROM {table} WHERE xmin::text::bigint > {last}" for table, _, last in filled.rows]
        emptying = "; ".join(["SET session_replication_role = replica", *deletes, *newer, *restarts])
        return cls(name, [oid for oid, _ in tables], objects, filled, emptying)


@dataclass
class Copy:
    """A database of the tests, with a session that empties it and those that tests have used."""

    name: str
    emptying: Any  # psycopg2's connection
    lent: list[Database] = field(default_factory=list)
    idle: list[Database] = field(default_factory=list)

    def close(self) -> None:
        for session in (self.emptying, *self.lent, *self.idle):
            session.close()

    def take_back(self) -> None:
        """Has the sessions of a test as they were when they began; those that were lost begin again when needed."""
        for database in self.lent:
            _reset(database)
        self.idle += self.lent
        self.lent.clear()

    def pids(self) -> list[int]:
        """The server processes of its sessions."""
        connections = [database._connection for database in self.idle]
        return [each.info.backend_pid for each in (self.emptying, *connections) if each]


class Databases:
    """Belongs to one process of pytest, and gives one database at a time."""

    def __init__(self, url: str, templates: tuple[str, ...]) -> None:
        self._url = url
        self._templates = {name: Template.of(name, with_path(url, f"/{name}")) for name in templates}
        self._spare: dict[str, Copy] = {}
        self._given: Copy | None = None
        self._administration = _connected(url)

    def close(self) -> None:
        for copy in self._spare.values():
            copy.close()
        self._administration.close()

    @contextmanager
    def copy_of(self, template: str) -> Iterator[str]:
        """Yields the URL of a database that holds what the template does, under a name of its own."""
        copy = self._given = self._spare.pop(template, None) or self._create(template)
        yield with_path(self._url, f"/{copy.name}")
        self._given = None
        copy.take_back()
        try:
            is_spare = self._is_spare(copy, self._templates.get(template))
        except (psycopg2.OperationalError, psycopg2.InterfaceError):  # the test has restarted the server
            self._administration = _connected(self._url)
            self._spare.clear()
            is_spare = False
        if is_spare:
            self._spare[template] = copy
        else:
            copy.close()
            with self._administration.cursor() as cursor:
                cursor.execute(f"DROP DATABASE {copy.name} WITH (FORCE)")

    def session(self) -> Database:
        """A session of the database that is given now: one that a test before had, or a new one."""
        assert self._given
        url = with_path(self._url, f"/{self._given.name}")
        idle = self._given.idle
        while idle and idle[-1]._connection in product._cut:  # by a test of another copy: it cuts all of the process
            idle.pop()
        database = idle.pop() if idle else Database(url, "tests")
        database._url = url
        self._given.lent.append(database)
        return database

    def _create(self, template: str) -> Copy:
        name = _next_name()
        with self._administration.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return Copy(name, _connected(with_path(self._url, f"/{name}")))

    def _is_spare(self, copy: Copy, template: Template | None) -> bool:
        """Ends what still runs of the test; whether the copy is as the template again, if that is one of these."""
        with self._administration.cursor() as cursor:
            renamed = _next_name()  # what still runs of the test finds no database under the name that it knows
            cursor.execute(RENAME, (renamed, copy.name))
            copy.name = renamed
            cursor.execute(END_OTHER_SESSIONS, (copy.name, copy.pids()))
            cursor.execute(OF_DATABASE, (copy.name,))
            is_unchanged: bool = cursor.fetchone() == UNCHANGED
        return template is not None and is_unchanged and self._is_emptied(copy, template)

    def _is_emptied(self, copy: Copy, template: Template) -> bool:
        """Removes the tables and rows that a test added; False if it changed anything else."""
        with copy.emptying.cursor() as cursor:
            cursor.execute(ADDED, (template.tables,))
            [(added,)] = cursor.fetchall()
            if added:
                cursor.execute(f"DROP TABLE {added} CASCADE")
            if not template.objects.is_kept(cursor):
                return False
            cursor.execute(template.emptying)
            return template.filled.is_kept(cursor)


def _connected(url: str) -> Any:
    """A connection whose statements each commit by themselves."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    return connection


def _reset(database: Database) -> None:
    """Ends what a test left in a session: transaction, settings, temporary tables, locks."""
    if (connection := database._connection) is None:
        return
    try:
        connection.rollback()
        connection.set_session(autocommit=True)
        with connection.cursor() as cursor:
            cursor.execute("DISCARD ALL")
            cursor.execute(SESSION_SETTINGS)
        connection.set_session(autocommit=False)
    except psycopg2.Error:  # the test has cut it
        database.close()


def _next_name() -> str:
    return f"test_{next(NUMBERS)}"
