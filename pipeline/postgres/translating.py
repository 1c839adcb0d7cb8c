"""psycopg2's errors as the project's own: decided by type and SQLSTATE, never quoting row contents."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2

from pipeline.errors import CannotConnectError, PipelineError, QueryError, TransientError
from pipeline.postgres.lock_watch import LockWatcher

# SQLSTATE classes of transient errors, after which the same statement can succeed:
# 08 connection, 25 transaction state lost, 40 rollback (serialization, deadlock), 53 resources (disk,
# memory, connections), 55 object not in the state needed (lock), 57 intervention (shutdown), 58 system.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
TRANSIENT_CLASSES = frozenset({"08", "25", "40", "53", "55", "57", "58"})
DATA_CLASSES = ("22", "23")  # data and integrity errors, which quote values in their text
LOCK_NOT_AVAILABLE = "55P03"
READ_ONLY = "25006"  # of a statement that writes on a replica, as after a failover; or in a read-only transaction
INSUFFICIENT_PRIVILEGE = "42501"
DEPENDENT = ("2BP01", "0A000")  # an object, such as a view, stands against a change of the table; DETAIL names it
QUERY_CANCELED = "57014"  # by statement_timeout, or by hand

# What a connection is refused with for good. By text, since libpq gives no SQLSTATE for it; where the server speaks
# another language than English, it is taken for transient.
PERMANENT = re.compile(
    "authentication|password|does not exist|pg_hba|not permitted|permission denied|invalid"
    "|translate host name(?!.*Temporary failure)|certificate|SSL error|does not support SSL"
)
# The name of a container, such as `postgres`, is known only while the container runs.
CONTAINER_AWAY = re.compile(r'translate host name "[^".]*"')
QUOTED = re.compile('"[^"]*"')  # names in such a text


class ForeignKeyError(PipelineError):
    """A row refers to something that is not there (any more)."""


class RefusedRowError(PipelineError):
    """A value is none of its column's type, or breaks a rule of the table."""


def cannot_connect(error: psycopg2.Error, address: str) -> CannotConnectError:
    """Why no connection could be opened, and whether waiting can help."""
    reason = " ".join(str(error).split())
    return CannotConnectError(
        f"cannot connect to PostgreSQL at {address}: {reason}",
        is_permanent=bool(PERMANENT.search(QUOTED.sub("", reason))) and not CONTAINER_AWAY.search(reason),
        is_answered="FATAL:" in reason,
    )


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
    elif state[:2] not in DATA_CLASSES:
        about += f": {error.diag.message_primary}"
    if state == INSUFFICIENT_PRIVILEGE:
        about += "; `pipeline schema`, run as the owner of the tables, gives the stages their rights"
    if state in DEPENDENT and (detail := error.diag.message_detail):
        about += f" ({', '.join(detail.splitlines())}); drop what depends on it, and run it again"
    if state[:2] in TRANSIENT_CLASSES:
        return TransientError(about)
    if state == "23503":
        return ForeignKeyError(about)
    return RefusedRowError(about) if state[:2] in DATA_CLASSES else PipelineError(about)


@contextmanager
def query_errors(offset: int) -> Iterator[None]:
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
def errors_of_own_sql() -> Iterator[None]:
    """Raises QueryError for an error in a statement that a user wrote."""
    try:
        yield
    except psycopg2.Error as error:
        found = translated(error)
        if isinstance(found, TransientError | ForeignKeyError):
            raise
        raise QueryError(str(found), int(error.diag.statement_position or 0) or None) from None


@contextmanager
def raising_what_psycopg2_prints() -> Iterator[None]:
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
