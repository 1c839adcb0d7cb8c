"""A Redis in cluster mode: all keys of the queue are in one slot, and so on one node."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis import Redis
from redis.cluster import RedisCluster
from redis.connection import Connection, ConnectionPool, SSLConnection
from redis.crc import key_slot
from redis.exceptions import AskError, ClusterDownError, RedisClusterException
from rq.defaults import RQ_KEY_PREFIX

from pipeline.errors import SettingsError

HASH_TAG = re.compile(r"\{([^}]+)\}")


def is_cluster(connection: "Redis") -> bool:
    """Whether the server is in cluster mode; False if it does not permit INFO."""
    try:
        server: Any = connection.info("cluster")
    except redis.ResponseError:
        return False
    return bool(server.get("cluster_enabled"))


def cluster_client(url: str, **options: Any) -> "Redis":
    """A client of the node that has the queue's slot. Each new connection finds it again, also after a failover.

    Raises SettingsError, with the remedy, if the keys of the queue would be in several slots, and redis.ConnectionError
    if no node answers.
    """
    tag = HASH_TAG.search(RQ_KEY_PREFIX)
    if tag is None:
        raise SettingsError(
            f"REDIS_URL: the server is in cluster mode, and RQ_KEY_PREFIX '{RQ_KEY_PREFIX}' spreads the queue over"
            " several nodes; set RQ_KEY_PREFIX={rq} for all stages, and for rq itself"
        )
    timeouts = {name: options[name] for name in ("socket_timeout", "socket_connect_timeout")}
    connection_class = _SlotSSLConnection if url.startswith("rediss://") else _SlotConnection
    with _connection_errors():
        slot = _Slot(RedisCluster.from_url(url, **timeouts), key_slot(tag[1].encode()))
    return Redis(connection_pool=ConnectionPool.from_url(url, connection_class=connection_class, slot=slot, **options))


@contextmanager
def _connection_errors() -> Iterator[None]:
    """That no node answers, or none has the slot, is no RedisError of redis-py's."""
    try:
        yield
    except RedisClusterException as error:
        raise redis.ConnectionError(str(error)) from error


class _Slot:
    """Where a slot is; redis-py's own client of clusters knows all nodes."""

    def __init__(self, cluster: RedisCluster, number: int) -> None:
        self._nodes = cluster.nodes_manager
        self._number = number

    def owner(self) -> tuple[str, int]:
        """Host and port of its master now; raises redis.ConnectionError if no node answers."""
        with _connection_errors():
            self._nodes.initialize()
            node = self._nodes.get_node_from_slot(self._number)
        return node.host, node.port


class _SlotConnection(Connection):
    """A connection to the master of a slot; it is lost when that is no longer the master."""

    def __init__(self, slot: _Slot, **options: Any) -> None:
        super().__init__(**options)
        self._slot = slot

    def _connect(self) -> socket.socket:
        self.host, self.port = self._slot.owner()
        return super()._connect()  # type: ignore[no-any-return]

    def read_response(self, *arguments: Any, **options: Any) -> Any:
        try:
            return super().read_response(*arguments, **options)
        except (AskError, ClusterDownError) as error:  # the slot has moved, or no node has it now
            self.disconnect()
            raise redis.ConnectionError(f"the node does not have the queue: {error}") from error


class _SlotSSLConnection(_SlotConnection, SSLConnection):
    """The same over TLS."""
