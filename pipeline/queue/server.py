"""The Redis server: how it is reached, and its errors translated."""

import logging
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry
from redis.sentinel import SentinelConnectionPool

from pipeline import server_url
from pipeline.errors import CannotConnectError, PipelineError, SettingsError, TransientError
from pipeline.queue import cluster
from pipeline.queue.keepalive import KEEPALIVE
from pipeline.queue.sentinels import SCHEME, sentinel_client

CONNECT_TIMEOUT = 5  # seconds
ANSWER_TIMEOUT = 8  # seconds until a server that does not answer counts as lost; longer than a worker's wait for a job
MORE_MEMORY = "raise its maxmemory or lower QUEUE_LIMIT"
NEARLY_FULL = 0.95  # of maxmemory: buffers of clients come and go, and a server that evicts stays below it
RETRIES = 3  # of each command, within about 1.5 s, when the connection was lost; a stop must not take longer than 10 s

# The server cannot serve now, and the same command can succeed later.
TRANSIENT = (
    redis.ConnectionError,
    redis.TimeoutError,
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.ReadOnlyError,
)


logger = logging.getLogger(__name__)


def address(connection: "Redis") -> str:
    """Host, or the name of the master that sentinels know, and database number, without the password."""
    options, pool = connection.get_connection_kwargs(), connection.connection_pool
    if isinstance(pool, SentinelConnectionPool):
        place = str(pool.service_name)
    else:
        place = options.get("path") or f"{options.get('host')}:{options.get('port')}"
    return f"{place}/{options.get('db', 0)}"


def connected(url: str) -> "Redis":
    """A connection to the server at `url`, to the master that its sentinels name, or to the queue's node of a cluster.

    Raises SettingsError, naming REDIS_URL, if that is no URL or RQ_KEY_PREFIX does not suit the server, and
    CannotConnectError if the server does not serve.
    """
    try:
        with _client(url, retry=None) as probe:
            probe.ping()
            is_cluster = cluster.is_cluster(probe)
    except ValueError:
        raise SettingsError(
            "REDIS_URL is not a Redis URL; it looks like redis://:password@host:6379/0, or with sentinels like"
            " redis+sentinel://:password@host1:26379,host2:26379/mymaster/0"
        ) from None
    except TypeError:  # the URL's parameters become arguments; its name may be half of a password
        raise SettingsError(
            "REDIS_URL is not a Redis URL: it has an unknown parameter; a known one is ssl_ca_certs"
        ) from None
    except redis.RedisError as error:
        raise _cannot_connect(url, error) from None
    options: dict[str, Any] = {
        "health_check_interval": 10,
        # not after a timeout: a frozen server would hold up each command for four of them
        "retry": Retry(ExponentialBackoff(cap=1, base=0.1), RETRIES, supported_errors=(redis.ConnectionError,)),
    }
    if not is_cluster:
        return _client(url, **options)
    with translating():
        return cluster.cluster_client(url, **_socket_options(url), **options)


def _client(url: str, **options: Any) -> "Redis":
    make_client = sentinel_client if url.startswith(f"{SCHEME}://") else Redis.from_url
    return make_client(url, **_socket_options(url), **options)


def _socket_options(url: str) -> dict[str, Any]:
    tcp = {} if url.startswith("unix://") else {"socket_keepalive": True, "socket_keepalive_options": KEEPALIVE}
    return {"socket_connect_timeout": CONNECT_TIMEOUT, "socket_timeout": ANSWER_TIMEOUT, **tcp}


def _cannot_connect(url: str, error: redis.RedisError) -> CannotConnectError:
    place = _place(url)
    cause = error.__cause__ or error.__context__
    return CannotConnectError(
        f"cannot use Redis at {place}: {str(error).rstrip('.')}",
        is_permanent=isinstance(error, redis.AuthenticationError)
        or not isinstance(error, TRANSIENT)
        or isinstance(cause, ssl.SSLError)
        or (isinstance(cause, socket.gaierror) and _is_unknown(place.rpartition(":")[0], cause)),
        is_answered=not isinstance(cause, OSError),
    )


def _place(url: str) -> str:
    """Hosts and ports of a URL, or the path of its Unix socket."""
    parts = server_url.split(url)
    hosts = parts.netloc.rpartition("@")[2]
    if parts.scheme in ("redis", "rediss") and ":" not in hosts:
        return f"{hosts}:6379"
    return hosts or parts.path


def warn_about_eviction(connection: "Redis") -> None:
    """Says, with the remedy, that the server may evict queued chunks; nothing if it does not permit INFO."""
    try:
        memory: Any = connection.info("memory")
    except redis.RedisError:
        return
    policy = memory.get("maxmemory_policy", "noeviction")
    if policy != "noeviction" and memory.get("maxmemory"):
        logger.warning(
            "REDIS_URL: Redis may drop chunks from the queue when its memory is full: maxmemory-policy is '%s';"
            " set it to noeviction",
            policy,
        )


def memory_shortage(connection: "Redis") -> str | None:
    """Why the server takes no more keys, with the remedy; None if it does, or does not permit INFO."""
    try:
        memory: Any = connection.info("memory")
    except redis.RedisError:
        return None
    used, limit = memory["used_memory"], memory.get("maxmemory", 0)
    if not limit or used < NEARLY_FULL * limit:
        return None
    return f"Redis is out of memory ({used / 2**20:.1f} of {limit / 2**20:.1f} MiB used); {MORE_MEMORY}"


def is_reachable(url: str) -> bool:
    """Whether a server at `url` answers now, for its password."""
    try:
        with Redis.from_url(url, socket_connect_timeout=1, socket_timeout=CONNECT_TIMEOUT, retry=None) as connection:
            return bool(connection.ping())
    except redis.RedisError:
        return False


def _is_unknown(host: str, error: socket.gaierror) -> bool:
    """For good: not for a moment, nor a container's name, such as `redis`, which is known only while it runs."""
    return error.errno != socket.EAI_AGAIN and "." in host


def outage(error: redis.RedisError) -> str:
    """Why Redis does not serve, without a full stop: more may follow."""
    return f"Redis does not serve: {str(error).rstrip('.')}"


@contextmanager
def translating() -> Iterator[None]:
    """Turns the client's errors into the project's; as a decorator too."""
    try:
        yield
    except redis.exceptions.OutOfMemoryError:
        raise TransientError(f"Redis is out of memory; {MORE_MEMORY}") from None
    except TRANSIENT as error:
        raise TransientError(outage(error)) from None
    except redis.RedisError as error:
        raise PipelineError(f"Redis: {error}") from None
