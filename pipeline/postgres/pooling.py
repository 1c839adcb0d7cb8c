"""A pooler, such as PgBouncer, in front of PostgreSQL: whether a connection keeps its session."""

from collections.abc import Callable
from contextlib import closing

import psycopg2
from psycopg2.extensions import connection as Connection

ROUNDS = 25  # others that use the pool may take a session just when it would show what the pooler does; 1 ms each


def lasting_session(connection: Connection, connect: Callable[[], Connection]) -> int | None:
    """The pid of the session in which all transactions of a connection run; None if there is no such session.

    A pooler is known by the pid that it tells, which is not the session's. One that pools transactions takes the
    session back after each. Another connection, opened by `connect`, then gets it, and holds it while this one runs its
    next transaction. One that pools statements closes a connection that begins a transaction.
    """
    try:
        pid = _begun(connection)
    except psycopg2.OperationalError:
        if _allows_no_transaction(connect):
            return None
        raise
    connection.rollback()
    if pid == connection.info.backend_pid:
        return pid
    with closing(connect()) as other:
        for _ in range(ROUNDS):
            is_taken = _begun(other) == pid
            is_same = _begun(connection) == pid
            for each in (connection, other):
                each.rollback()
            if is_taken or not is_same:
                return None
    return pid


def _allows_no_transaction(connect: Callable[[], Connection]) -> bool:
    """Whether a pooler runs statements, and closes the connection that begins a transaction."""
    with closing(connect()) as connection:
        connection.autocommit = True
        is_pooled = _begun(connection) != connection.info.backend_pid
        connection.autocommit = False
        try:
            _begun(connection)
        except psycopg2.OperationalError:
            return is_pooled
    return False


def _begun(connection: Connection) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [(pid,)] = cursor.fetchall()
    return int(pid)
