"""A sign in Redis that a producer runs: missing chunks may still be queued."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import redis
from redis import Redis
from rq.defaults import RQ_KEY_PREFIX

PRODUCING_TTL = 10  # seconds after which a producer that says nothing is gone
PRODUCING_INTERVAL = 2.0  # seconds between its saying so


def producing_key(queue: str) -> str:
    """The key that exists while a producer runs; it expires by itself."""
    return f"{RQ_KEY_PREFIX}:producing:{queue}"


@contextmanager
def producing_flag(connection: "Redis", queue: str) -> Iterator[None]:
    """Sets the key, again and again, for the length of the block; goes on while Redis is away."""
    ended, key = threading.Event(), producing_key(queue)

    def renew() -> None:
        while not ended.is_set():
            with suppress(redis.RedisError):  # Redis is away; what is put there waits as well
                connection.set(key, 1, ex=PRODUCING_TTL)
            ended.wait(PRODUCING_INTERVAL)
        with suppress(redis.RedisError):
            connection.delete(key)  # another producer that is alive sets it again

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(PRODUCING_INTERVAL)  # no longer: a frozen Redis would hold up the end
