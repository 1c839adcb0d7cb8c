"""A server or network that is gone without a word: the kernel ends the connection within about ten seconds."""

import os
import socket
import sys

import pytest

from tests.conftest import Pipeline

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems have other options")
SHOWN = ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout")
WANTED = [4, 2, 3, 10_000]


def options(connection: socket.socket) -> list[int]:
    names = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
    assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    return [connection.getsockopt(socket.IPPROTO_TCP, name) for name in names]


def test_connections_to_redis_have_keepalives_and_a_user_timeout(pipeline: Pipeline) -> None:
    connection = pipeline.queue.connection.connection_pool.get_connection()
    assert connection._sock is not None
    assert options(connection._sock) == WANTED


def test_both_ends_of_connections_to_postgresql_have_keepalives_and_a_user_timeout(pipeline: Pipeline) -> None:
    with pipeline.database.transaction() as tx:
        with socket.socket(fileno=os.dup(tx._connection.fileno())) as client:
            assert options(client) == WANTED
        assert [tx.value(f"SELECT setting::int FROM pg_settings WHERE name = '{name}'") for name in SHOWN] == WANTED
