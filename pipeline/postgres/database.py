"""A connection to PostgreSQL: what it promises of the server, and the transactions over it."""

import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakSet

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from pipeline import server_url
from pipeline.errors import SettingsError, TransientError
from pipeline.postgres.lock_watch import LockWatcher
from pipeline.postgres.pooling import lasting_session
from pipeline.postgres.transaction import Row, Transaction, file_text
from pipeline.postgres.translating import cannot_connect, translated

CONNECT_TIMEOUT = 10  # seconds
# A server or a network that is gone without a word is noticed within about ten seconds. Milliseconds, else seconds.
KEEPALIVE: dict[str, Any] = {
    "keepalives_idle": 4,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}

WRITING_STAGES = frozenset({"producer", "worker"})

HERE = Path(__file__).parent

_open: "WeakSet[Connection]" = WeakSet()
_cut: "WeakSet[Connection]" = WeakSet()


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
        self._session_pid = 0  # of the connection's server process

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

    def check_writable(self, tx: Transaction) -> None:
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

    def _check_rights(self, tx: Transaction) -> None:
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
        parts = server_url.split(self._url)
        return f"{parts.netloc.rpartition('@')[2] or 'localhost'}{parts.path}"

    def another(self) -> "Database":
        """Another connection to the same database."""
        return Database(self._url, self._stage, read_only=self._read_only)

    @contextmanager
    def transaction(self, *, snapshot: bool | str = False, keep: bool = True) -> Iterator[Transaction]:
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
                        _use_snapshot(snapshot, cursor)
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
        with LockWatcher(partial(self._lock_holders, self._session_pid)) as locks:
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
                connection = self._opened()
                self._check_encoding(connection)
                self._session_pid = self._checked_session(connection)
                with connection, connection.cursor() as cursor:
                    cursor.execute(file_text(HERE / "sql" / "session.sql"))
                    if self._read_only:
                        cursor.execute("SET default_transaction_read_only = on")
                self._connection = connection
            except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
                raise cannot_connect(error, self.address) from None
            except psycopg2.ProgrammingError:
                raise SettingsError(
                    "DATABASE_URL is not a PostgreSQL URL; it looks like postgresql://user:password@host:5432/name"
                ) from None
        return self._connection

    def _opened(self) -> Connection:
        connection: Connection = psycopg2.connect(
            self._url,
            connect_timeout=CONNECT_TIMEOUT,
            application_name=f"pipeline {self._stage}",
            client_encoding="UTF8",  # PGCLIENTENCODING, the role or the database may say otherwise
            **KEEPALIVE,
        )
        _open.add(connection)
        return connection

    def _checked_session(self, connection: Connection) -> int:
        """The pid of the connection's session; raises SettingsError if a pooler gives it no session of its own."""
        pid = lasting_session(connection, self._opened)
        if pid is None:
            connection.close()
            raise SettingsError(
                f"DATABASE_URL: a pooler at {self.address} gives each transaction another session of PostgreSQL, as"
                " PgBouncer does with pool_mode=transaction, or allows none, as with pool_mode=statement; set"
                " pool_mode=session for this database, or name PostgreSQL itself"
            )
        return pid

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


def _use_snapshot(snapshot: str, cursor: Cursor) -> None:
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
