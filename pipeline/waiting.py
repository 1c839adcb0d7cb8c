"""Waiting: for servers that are away, for workers that are not there; never without saying so, and never for ever."""

import logging
import time
from collections.abc import Callable
from itertools import chain, repeat
from typing import TypeVar

from pipeline.errors import RetryLaterError

PAUSES = (0.1, 0.3, 1.0, 2.0, 4.0)  # seconds, growing, between attempts; the last one again and again
PATIENCE = 60.0  # seconds for which producer and exporter go on while a server is away
NO_WORKER_WARNING = 3.0  # seconds without a worker until it is said
START_WORKER = "start one with `python -m worker` or `docker-compose up -d worker`"

T = TypeVar("T")
logger = logging.getLogger(__name__)


def patiently(
    attempt: Callable[[], T], *, seconds: float = PATIENCE, sleep: Callable[[float], None] | None = None
) -> T:
    """What `attempt` returns, made again after growing pauses while the surroundings are at fault.

    Raises its RetryLaterError if they still are after so many seconds of pauses.
    """
    left = seconds
    for pause in chain(PAUSES, repeat(PAUSES[-1])):
        try:
            return attempt()
        except RetryLaterError as error:
            if left <= 0:
                raise RetryLaterError(f"{error}; not mended within {seconds:g} s of trying again") from error
            logger.warning("%s; trying again in %.1f s", error, pause)
        (sleep or time.sleep)(pause)
        left -= pause
    raise AssertionError("the pauses have no end")


class Lasting:
    """For how long something has been so without a break, from the first look on."""

    def __init__(self) -> None:
        self._since: float | None = None

    def seconds(self, is_so: bool) -> float:
        now = time.monotonic()
        self._since = (self._since or now) if is_so else None
        return now - (self._since or now)


class WorkerWatch:
    """Says once that no worker is running, when that has been so for a few seconds."""

    def __init__(self) -> None:
        self._without = Lasting()
        self._said = False

    def look(self, workers: int) -> None:
        if self._without.seconds(not workers) >= NO_WORKER_WARNING and not self._said:
            self._said = True
            logger.warning("no worker is running; %s", START_WORKER)
