"""A transaction: its statements are files of SQL, or short texts."""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extensions import encrypt_password

from pipeline.postgres.copy_format import CopiedRows, CsvLines, copy_content
from pipeline.postgres.translating import errors_of_own_sql, query_errors, raising_what_psycopg2_prints

COPY_BLOCK = 1 << 16  # bytes sent at a time
FETCH_ROWS = 2_000  # rows that a stream holds in memory at a time
DECLARE = "DECLARE report NO SCROLL CURSOR FOR "
COPY_FROM_QUERY = "COPY (\n"
# Types whose text is no free text: booleans, dates and times, numbers, intervals.
# https://www.postgresql.org/docs/current/catalog-pg-type.html#CATALOG-TYPCATEGORY-TABLE
TYPES_NOT_TEXT = "SELECT oid FROM pg_type WHERE oid = ANY (%(types)s::oid[]) AND typcategory IN ('B', 'D', 'N', 'T')"

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Column:
    """A column of a query's result."""

    name: str
    is_text: bool  # whether its values can be any text


class Transaction:
    """What can be done within a transaction. A statement is a file, or text if it is short."""

    def __init__(self, connection: Connection, cursor: Cursor) -> None:
        self._connection = connection
        self._cursor = cursor

    def run(self, statement: Path | str, **parameters: object) -> None:
        self._cursor.execute(_text(statement), parameters)

    def run_verbatim(self, statement: str) -> None:
        """Runs a statement without parameters, in which % means itself."""
        self._cursor.execute(statement)

    def value_verbatim(self, query: str) -> Any:
        """The first column of the first row of a query without parameters, in which % means itself."""
        self._cursor.execute(query)
        [value, *_] = self._cursor.fetchone() or (None,)
        return value

    def rows(self, statement: Path | str, **parameters: object) -> list[Row]:
        self._cursor.execute(_text(statement), parameters)
        return self._cursor.fetchall()

    def row(self, statement: Path | str, **parameters: object) -> Row | None:
        self._cursor.execute(_text(statement), parameters)
        return self._cursor.fetchone()

    def value(self, statement: Path | str, **parameters: object) -> Any:
        """The first column of the first row, or None without a row."""
        row = self.row(statement, **parameters)
        return None if row is None else row[0]

    def rows_of_own(self, statements: str) -> list[Row]:
        """Runs statements that a user wrote, in which % means itself; returns the rows of the last one.

        Raises QueryError if they are wrong, ForeignKeyError or TransientError as other statements do.
        """
        with errors_of_own_sql():
            self._cursor.execute(statements)
            return self._cursor.fetchall() if self._cursor.description else []

    def columns(self, query: str) -> list[Column]:
        """The columns of a query, without running it. Raises QueryError if the query is wrong."""
        with query_errors(len(DECLARE)):
            self._cursor.execute(f"{DECLARE}{query}")
            self._cursor.execute("FETCH 0 FROM report")
        described = self._cursor.description or ()
        self._cursor.execute("CLOSE report")
        others = {oid for (oid,) in self.rows(TYPES_NOT_TEXT, types=[column.type_code for column in described])}
        return [Column(column.name, column.type_code not in others) for column in described]

    def stream(self, query: str, before: str, after: str) -> Iterator[Row]:
        """The rows of a query, of which only a few are in memory at a time; one query at a time.

        `before` and `after` complete its text. Raises QueryError if the query is wrong.
        """
        with query_errors(len(DECLARE + before)):
            self._cursor.execute(f"{DECLARE}{before}{query}{after}")
        more = True
        while more:
            with query_errors(len(DECLARE + before)):
                self._cursor.execute(f"FETCH {FETCH_ROWS} FROM report")
                fetched = self._cursor.fetchall()
            yield from fetched
            more = len(fetched) == FETCH_ROWS

    def copy_query(self, query: str, take: Callable[[list[str | None]], object]) -> int:
        """Gives `take` each row of a query, one in memory at a time: PostgreSQL's own text of each value, or None.

        Returns the number of rows. The query has no semicolon at its end. Raises QueryError if the query is wrong.
        """
        with query_errors(len(COPY_FROM_QUERY)):
            self._cursor.copy_expert(f"{COPY_FROM_QUERY}{query}\n) TO STDOUT", CopiedRows(take), COPY_BLOCK)
            return self._cursor.rowcount

    def shared_snapshot(self) -> str:
        """What this transaction sees, for others to see the same; they have to begin before this one ends."""
        self.run("SET LOCAL idle_in_transaction_session_timeout = '1h'")  # it waits for what they do
        return str(self.value("SELECT pg_export_snapshot()"))

    def copy(
        self, table: str, columns: Sequence[str], lines: Iterable[str] | CsvLines, constants: Sequence[str] = ()
    ) -> None:
        """Copies lines without line ends into a table: of CSV, or of PostgreSQL's text format (tab-separated, escaped).

        The last columns hold `constants`, the same in each row.
        """
        content, options = copy_content(lines, constants)
        statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN{options}"
        with raising_what_psycopg2_prints():
            self._cursor.copy_expert(statement, io.BytesIO(content), COPY_BLOCK)

    def logs_values(self) -> bool:
        """Whether the server's log shows the values of a row that breaks a constraint."""
        return bool(self.value("SELECT current_setting('log_error_verbosity') <> 'terse'"))

    def copied_if_keys_are_new(
        self, table: str, columns: Sequence[str], lines: Iterable[str] | CsvLines, constants: Sequence[str] = ()
    ) -> bool:
        """As `copy`; False, with nothing copied, if a line has the unique values of a row, or of another line."""
        self.run("SAVEPOINT before_copy")
        try:
            self.copy(table, columns, lines, constants)
        except psycopg2.errors.UniqueViolation:
            self.run("ROLLBACK TO SAVEPOINT before_copy")
            return False
        self.run("RELEASE SAVEPOINT before_copy")
        return True

    def enable_login(self, role: str, password: str) -> None:
        """Lets a role log in with a password, of which the server, and so its log, sees a SCRAM verifier alone."""
        verifier = encrypt_password(password, role, self._connection, "scram-sha-256")
        statement = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}")
        self._cursor.execute(statement.format(sql.Identifier(role), sql.Literal(verifier)))


def binary(content: bytes) -> object:
    """Bytes as a parameter of a statement."""
    return psycopg2.Binary(content)


@cache
def file_text(path: Path) -> str:
    """The text of a file, which is read once."""
    return path.read_text(encoding="utf-8")


def _text(statement: Path | str) -> str:
    return file_text(statement) if isinstance(statement, Path) else statement
