"""The only module that speaks psycopg2: transactions over SQL files, and its errors translated."""

import io
import os
import re
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakSet

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extensions import encrypt_password

from pipeline.errors import CannotConnectError, PipelineError, QueryError, SettingsError, TransientError
from pipeline.postgres.lock_watch import LockWatcher

CONNECT_TIMEOUT = 10  # seconds
# A server or a network that is gone without a word is noticed within about ten seconds. Milliseconds, else seconds.
KEEPALIVE: dict[str, Any] = {
    "keepalives_idle": 4,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
COPY_BLOCK = 1 << 16  # bytes sent at a time
FETCH_ROWS = 2_000  # rows that a stream holds in memory at a time
DECLARE = "DECLARE report NO SCROLL CURSOR FOR "
COPY_FROM_QUERY = "COPY (\n"
# PostgreSQL's text format: https://www.postgresql.org/docs/current/sql-copy.html
COPY_NULL = r"\N"
COPY_ESCAPE = re.compile(r"\\(.)")
COPY_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
# Types whose text is no free text: booleans, dates and times, numbers, intervals.
# https://www.postgresql.org/docs/current/catalog-pg-type.html#CATALOG-TYPCATEGORY-TABLE
TYPES_NOT_TEXT = "SELECT oid FROM pg_type WHERE oid = ANY (%(types)s::oid[]) AND typcategory IN ('B', 'D', 'N', 'T')"

# SQLSTATE classes of transient errors, after which the same statement can succeed:
# 08 connection, 25 transaction state lost, 40 rollback (serialization, deadlock), 53 resources (disk,
# memory, connections), 55 object not in the state needed (lock), 57 intervention (shutdown), 58 system.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
TRANSIENT_CLASSES = frozenset({"08", "25", "40", "53", "55", "57", "58"})
LOCK_NOT_AVAILABLE = "55P03"
READ_ONLY = "25006"  # of a statement that writes on a replica, as after a failover; or in a read-only transaction
QUERY_CANCELED = "57014"  # by statement_timeout, or by hand

WRITING_STAGES = frozenset({"producer", "worker"})

# What a connection is refused with for good. By text, since libpq gives no SQLSTATE for it; where the server speaks
# another language than English, it is taken for transient.
PERMANENT = re.compile(
    "authentication|password|does not exist|pg_hba|not permitted|permission denied|invalid"
    "|translate host name(?!.*Temporary failure)|certificate|SSL error|does not support SSL"
)
# The name of a container, such as `postgres`, is known only while the container runs.
CONTAINER_AWAY = re.compile(r'translate host name "[^".]*"')
QUOTED = re.compile('"[^"]*"')  # names in such a text

HERE = Path(__file__).parent

Row = tuple[Any, ...]
_open: "WeakSet[Connection]" = WeakSet()
_cut: "WeakSet[Connection]" = WeakSet()


class ForeignKeyError(PipelineError):
    """A row refers to something that is not there (any more)."""


@dataclass(frozen=True)
class Column:
    """A column of a query's result."""

    name: str
    is_text: bool  # whether its values can be any text


class Database:
    """One connection to PostgreSQL, opened when first needed and again after it was lost."""

    def __init__(self, url: str, stage: str, *, read_only: bool = False) -> None:
        """`stage` (such as "worker") is what pg_stat_activity shows as application_name.

        With `read_only` no transaction of the session writes, not even one that a COMMIT in a statement's text begins.
        """
        self._url = url
        self._stage = stage
        self._read_only = read_only
        self._connection: Connection | None = None

    def check(self) -> None:
        """Promises that the server can be reached, has the tables, and lets the stage do its work.

        Raises SettingsError, naming DATABASE_URL and the remedy, or TransientError if the server does not serve now.
        """
        with self.transaction() as tx:
            if not tx.value("SELECT to_regclass('datasets') IS NOT NULL"):
                raise SettingsError(
                    f"DATABASE_URL: {self.address} has no pipeline tables, or those of an earlier version;"
                    " `pipeline schema` creates them, and brings earlier ones up to date"
                )
            self._check_rights(tx)

    def connect(self) -> None:
        """Opens the connection now; raises SettingsError or CannotConnectError if that fails."""
        self._connected()

    def check_writable(self, tx: "Transaction") -> None:
        """Raises SettingsError, with the reason and the remedy, if the database may only be read."""
        [(is_standby, is_read_only)] = tx.rows(HERE / "sql" / "is_read_only.sql")
        if is_standby:
            raise SettingsError(
                f"DATABASE_URL: {self.address} is a standby, which can only be read; name the primary server"
            )
        if is_read_only:
            raise SettingsError(
                f"DATABASE_URL: {self.address} is read-only for its user: default_transaction_read_only is on for the"
                " server, the database or the user; turn it off, or name another"
            )

    def _check_rights(self, tx: "Transaction") -> None:
        if self._stage in WRITING_STAGES:
            self.check_writable(tx)
        stage = "monitor" if self._stage == "status" else self._stage  # both read the same
        user, lacking = tx.rows(HERE / "sql" / "lacking_rights.sql", stage=stage)[0]
        if lacking:
            raise SettingsError(
                f"DATABASE_URL: the user '{user}' of {self.address} lacks rights of the {stage}:"
                f" {', '.join(lacking)}; name a user who is a member of the role pipeline_{stage}"
            )

    @property
    def address(self) -> str:
        """Hosts with their ports and database of the URL, without user, password and parameters."""
        parts = urlsplit(self._url)
        return f"{parts.netloc.rpartition('@')[2] or 'localhost'}{parts.path}"

    def another(self) -> "Database":
        """Another connection to the same database."""
        return Database(self._url, self._stage, read_only=self._read_only)

    @contextmanager
    def transaction(self, *, snapshot: bool | str = False, keep: bool = True) -> Iterator["Transaction"]:
        """A transaction: committed at the end of the block, rolled back if anything is raised in it.

        Without `keep` it is rolled back in any case, which tells what it would do.
        With `snapshot` every statement in it sees the same state of the database, and may only read; it is the
        state that another transaction sees if `snapshot` is what that has shared.
        Raises TransientError when connection or server are at fault, PipelineError otherwise.
        """
        with self._session() as connection:
            try:
                connection.set_session(
                    isolation_level="REPEATABLE READ" if snapshot else "READ COMMITTED",
                    # Else by default: a database or role may be read-only by its settings.
                    readonly=True if snapshot or self._read_only else "default",
                )
                with connection.cursor() as cursor:
                    if isinstance(snapshot, str):
                        _take_over(snapshot, cursor)
                    yield Transaction(connection, cursor)
                if keep:
                    connection.commit()
                else:
                    self._roll_back()
            except BaseException:
                self._roll_back()
                raise

    def run_script(self, path: Path) -> None:
        """Runs a file of statements that brings its own BEGIN and COMMIT."""
        try:
            with self._session() as connection:
                connection.set_session(autocommit=True)
                with connection.cursor() as cursor:
                    cursor.execute(path.read_text(encoding="utf-8"))
        finally:
            self.close()  # a script that failed half-way leaves its transaction open

    @contextmanager
    def _session(self) -> Iterator[Connection]:
        """The connection, with psycopg2's errors translated; another one looks which locks hold it up."""
        connection = self._connected()
        with LockWatcher(partial(self._lock_holders, connection.info.backend_pid)) as locks:
            try:
                yield connection
            except psycopg2.Error as error:
                if connection in _cut:
                    raise TransientError(f"PostgreSQL at {self.address} did not answer in time{locks}") from None
                raise translated(error, locks) from None  # psycopg2's text can quote row contents

    def _lock_holders(self, pid: int) -> list[Row]:
        """The sessions that hold up the session of this server process."""
        with closing(self.another()) as database, database.transaction() as tx:
            return tx.rows(HERE / "sql" / "lock_holders.sql", pid=pid)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> Connection:
        if self._connection is None or self._connection.closed:
            try:
                connection = psycopg2.connect(
                    self._url,
                    connect_timeout=CONNECT_TIMEOUT,
                    application_name=f"pipeline {self._stage}",
                    client_encoding="UTF8",  # PGCLIENTENCODING, the role or the database may say otherwise
                    **KEEPALIVE,
                )
                _open.add(connection)
                self._check_encoding(connection)
                with connection, connection.cursor() as cursor:
                    cursor.execute(_file_text(HERE / "sql" / "session.sql"))
                    if self._read_only:
                        cursor.execute("SET default_transaction_read_only = on")
                self._connection = connection
            except psycopg2.OperationalError as error:
                reason = " ".join(str(error).split())
                raise CannotConnectError(
                    f"cannot connect to PostgreSQL at {self.address}: {reason}",
                    is_permanent=bool(PERMANENT.search(QUOTED.sub("", reason))) and not CONTAINER_AWAY.search(reason),
                    is_answered="FATAL:" in reason,
                ) from None
            except psycopg2.ProgrammingError:
                raise SettingsError(
                    "DATABASE_URL is not a PostgreSQL URL; it looks like postgresql://user:password@host:5432/name"
                ) from None
        return self._connection

    def _check_encoding(self, connection: Connection) -> None:
        """Raises SettingsError if the database cannot hold every text, or would hold another text than it was given."""
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            connection.close()
            raise SettingsError(
                f"DATABASE_URL: the database at {self.address} has the encoding {encoding}, not UTF8;"
                " name one made with CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"
            )

    def _roll_back(self) -> None:
        if self._connection is None:
            return
        try:
            self._connection.rollback()
        except psycopg2.Error:
            self.close()  # lost; the next transaction opens another


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
        with _errors_of_own_sql():
            self._cursor.execute(statements)
            return self._cursor.fetchall() if self._cursor.description else []

    def columns(self, query: str) -> list[Column]:
        """The columns of a query, without running it. Raises QueryError if the query is wrong."""
        with _query_errors(len(DECLARE)):
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
        with _query_errors(len(DECLARE + before)):
            self._cursor.execute(f"{DECLARE}{before}{query}{after}")
        more = True
        while more:
            with _query_errors(len(DECLARE + before)):
                self._cursor.execute(f"FETCH {FETCH_ROWS} FROM report")
                fetched = self._cursor.fetchall()
            yield from fetched
            more = len(fetched) == FETCH_ROWS

    def copy_query(self, query: str, take: Callable[[list[str | None]], object]) -> int:
        """Gives `take` each row of a query, one in memory at a time: PostgreSQL's own text of each value, or None.

        Returns the number of rows. The query has no semicolon at its end. Raises QueryError if the query is wrong.
        """
        with _query_errors(len(COPY_FROM_QUERY)):
            self._cursor.copy_expert(f"{COPY_FROM_QUERY}{query}\n) TO STDOUT", _CopiedRows(take), COPY_BLOCK)
            return self._cursor.rowcount

    def shared_snapshot(self) -> str:
        """What this transaction sees, for others to see the same; they have to begin before this one ends."""
        self.run("SET LOCAL idle_in_transaction_session_timeout = '1h'")  # it waits for what they do
        return str(self.value("SELECT pg_export_snapshot()"))

    def copy(self, table: str, columns: Sequence[str], lines: Iterable[str]) -> None:
        """Copies lines in PostgreSQL's text format (tab-separated, escaped, without line ends) into a table."""
        text = io.BytesIO("\n".join(lines).encode())
        with _raising_what_psycopg2_prints():
            self._cursor.copy_expert(f"COPY {table} ({', '.join(columns)}) FROM STDIN", text, COPY_BLOCK)

    def logs_values(self) -> bool:
        """Whether the server's log shows the values of a row that breaks a constraint."""
        return bool(self.value("SELECT current_setting('log_error_verbosity') <> 'terse'"))

    def copied_if_keys_are_new(self, table: str, columns: Sequence[str], lines: Iterable[str]) -> bool:
        """As `copy`; False, with nothing copied, if a line has the unique values of a row, or of another line."""
        self.run("SAVEPOINT before_copy")
        try:
            self.copy(table, columns, lines)
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


@contextmanager
def _raising_what_psycopg2_prints() -> Iterator[None]:
    """Raises the server's own error when it ends the session in mid-COPY.

    The server reports that and then closes the connection. psycopg2 makes an error of both, prints the first one by
    sys.excepthook, with the row that was being copied, and raises the second.
    """
    printed: list[BaseException] = []
    hook, sys.excepthook = sys.excepthook, lambda kind, error, trace: printed.append(error)  # noqa: ARG005
    try:
        yield
    except psycopg2.Error as error:
        causes = (each.__cause__ or each for each in printed)
        raise next((cause for cause in causes if isinstance(cause, psycopg2.Error)), error) from None
    finally:
        sys.excepthook = hook


def _take_over(snapshot: str, cursor: Cursor) -> None:
    try:
        cursor.execute("SET TRANSACTION SNAPSHOT %s", (snapshot,))
    except psycopg2.Error as error:
        raise TransientError("the transaction that shared its snapshot has ended") from error


def cut_connections() -> None:
    """Cuts this process's connections, from another thread: a call that waits for the server raises TransientError.

    Not by cancelling statements: that asks the server, which may be frozen, and libpq holds up all threads meanwhile.
    """
    for connection in _open.copy():
        _cut.add(connection)
        with suppress(psycopg2.Error, OSError), socket.socket(fileno=os.dup(connection.fileno())) as lifeline:
            lifeline.shutdown(socket.SHUT_RDWR)


def translated(error: psycopg2.Error, locks: LockWatcher | None = None) -> PipelineError:
    """The project's error for psycopg2's: decided by type and SQLSTATE, never quoting row contents."""
    state = error.pgcode
    if state is None:  # the server did not answer: psycopg2 itself reports a lost connection
        if isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError):
            return TransientError(f"the connection to PostgreSQL was lost: {' '.join(str(error).split())}")
        return PipelineError(f"PostgreSQL client: {type(error).__name__}")
    about = f"PostgreSQL error {state} ({psycopg2.errors.lookup(state).__name__})"
    if error.diag.constraint_name:
        about += f" on {error.diag.constraint_name}"
    if state == LOCK_NOT_AVAILABLE and locks:
        about += str(locks)
    elif state[:2] not in ("22", "23"):  # data and integrity errors quote values in their text
        about += f": {error.diag.message_primary}"
    if state[:2] in TRANSIENT_CLASSES:
        return TransientError(about)
    if state == "23503":
        return ForeignKeyError(about)
    return PipelineError(about)


@contextmanager
def _query_errors(offset: int) -> Iterator[None]:
    """Raises QueryError, or TransientError for a transient error; a query begins `offset` characters into its text."""
    try:
        yield
    except psycopg2.Error as error:
        found = translated(error)
        # Of a report: its transaction is read-only, and no failover the reason; or it takes longer than it may.
        if isinstance(found, TransientError) and error.pgcode not in (READ_ONLY, QUERY_CANCELED):
            raise  # the session knows more about it
        position = int(error.diag.statement_position or 0) - offset
        if position <= 0:
            raise QueryError(f"{found}; PostgreSQL gives no position") from None
        raise QueryError(str(found), position) from None


@contextmanager
def _errors_of_own_sql() -> Iterator[None]:
    try:
        yield
    except psycopg2.Error as error:
        found = translated(error)
        if isinstance(found, TransientError | ForeignKeyError):
            raise
        raise QueryError(str(found), int(error.diag.statement_position or 0) or None) from None


class _CopiedRows:
    """The file into which psycopg2 writes what COPY sends: one line for each row, in PostgreSQL's text format."""

    def __init__(self, take: Callable[[list[str | None]], object]) -> None:
        self._take = take

    def write(self, line: bytes) -> None:
        self._take([_copied_value(field) for field in line.decode()[:-1].split("\t")])


def _copied_value(field: str) -> str | None:
    if field == COPY_NULL:
        return None
    return COPY_ESCAPE.sub(lambda found: COPY_ESCAPED.get(found[1], found[1]), field) if "\\" in field else field


def binary(content: bytes) -> object:
    """Bytes as a parameter of a statement."""
    return psycopg2.Binary(content)


def copy_field(text: str) -> str:
    """Text escaped for COPY's text format. https://www.postgresql.org/docs/current/sql-copy.html"""
    if "\\" in text or "\t" in text or "\n" in text or "\r" in text:
        text = text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    return text


def uncopied(text: str) -> str:
    """The text that `copy_field` escaped."""
    parts = text.split("\\\\")
    return "\\".join(part.replace("\\t", "\t").replace("\\n", "\n").replace("\\r", "\r") for part in parts)


def quote_identifier(*names: str) -> str:
    """Any name, quoted for SQL; several, such as a schema and a table, with dots between."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def quote_literal(text: str) -> str:
    """A text as SQL takes it, in one printable line, however the server reads backslashes."""
    plain = text.replace("'", "''")
    if plain.isprintable() and "\\" not in plain:
        return f"'{plain}'"
    escaped = plain.replace("\\", "\\\\")
    return "E'" + "".join(char if char.isprintable() else f"\\U{ord(char):08x}" for char in escaped) + "'"


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can store the text: neither NUL nor bytes that are not UTF-8."""
    if "\0" in text:
        return False
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


@cache
def _file_text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _text(statement: Path | str) -> str:
    return _file_text(statement) if isinstance(statement, Path) else statement
