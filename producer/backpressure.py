"""Backpressure: the producer waits while the queue holds as much as it may."""

import logging
import time
from collections.abc import Callable
from functools import partial

from pipeline import remedies
from pipeline.errors import DrainTimeoutError
from pipeline.queue import ChunkQueue
from pipeline.waiting import Deadline, Stopwatch, Throttle, WorkerWatcher, no_worker, retry_transient
from pipeline.wording import counted

ROOM_POLL = 0.05  # seconds between looks at a full queue
WORKERS_POLL = 1.0  # seconds between looks for workers while it is full
STALL_WARNING = 30.0  # seconds without room until a warning is logged

logger = logging.getLogger("producer")


class Backpressure:
    """Backpressure on the queue: for at most `limit` waiting chunks, and with at most `timeout` seconds without any.

    Chunks that others wait for find room beyond that: those others may fill the queue, and cycle on it for as
    long as they wait.
    """

    def __init__(self, queue: ChunkQueue, limit: int, timeout: float, check_loads: Callable[[], None]) -> None:
        """`check_loads` is called again and again, and may raise what ends the wait."""
        self._queue = queue
        self._limit = limit
        self._timeout = timeout
        self._check_loads = check_loads
        self._workers = WorkerWatcher(partial(retry_transient, queue.shortage))
        self._stalls = Throttle()

    def wait(self, *, is_waited_for: bool) -> None:
        """Returns when there is room for a chunk; raises DrainTimeoutError if there is none in time."""
        looked = Stopwatch()
        headroom = 0
        self._check_loads()
        with Deadline(self._timeout) as deadline:
            while retry_transient(self._queue.length, deadline=deadline) >= self._limit + headroom:
                if is_waited_for and not headroom:  # workers hold chunks that they may requeue
                    headroom = self._limit + self._running_workers(deadline)
                    continue
                if looked.seconds(True) >= WORKERS_POLL:
                    looked = Stopwatch()
                    self._look_for_workers(self._timeout - deadline.left, self._running_workers(deadline))
                if not deadline.left:
                    raise DrainTimeoutError(
                        f"DRAIN_TIMEOUT: no room on the queue for {self._timeout:g} s:"
                        f" {self._reason(self._running_workers(deadline))}; then {remedies.current.produce_again}:"
                        " it goes on"
                    )
                time.sleep(ROOM_POLL)
                self._check_loads()

    def _look_for_workers(self, seconds: float, workers: int) -> None:
        """Warns if there is none, or if none has taken a chunk for so many seconds."""
        self._workers.check(workers)
        if workers and seconds >= STALL_WARNING and self._stalls.is_due():
            logger.warning("no worker has taken a chunk for %.0f s: %s", seconds, self._reason(workers))

    def _reason(self, workers: int) -> str:
        running = f"{counted(workers, 'worker')} {'are' if workers > 1 else 'is'} running; see the workers' logs"
        return (
            f"QUEUE_LIMIT is {counted(self._limit, 'chunk')}, and"
            f" {running if workers else no_worker(self._queue.shortage())}"
        )

    def _running_workers(self, deadline: Deadline) -> int:
        return retry_transient(self._queue.state, deadline=deadline).workers
