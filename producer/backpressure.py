"""Backpressure: the producer waits while the queue holds as much as it may."""

import time
from functools import partial

from pipeline import remedies
from pipeline.errors import DrainTimeoutError
from pipeline.queue import ChunkQueue
from pipeline.waiting import Deadline, Stopwatch, WorkerWatcher, no_worker, retry_transient
from pipeline.wording import counted

ROOM_POLL = 0.05  # seconds between looks at a full queue
WORKERS_POLL = 1.0  # seconds between looks for workers while it is full


class Backpressure:
    """Backpressure on the queue: for at most `limit` waiting chunks, and with at most `timeout` seconds without any.

    Chunks that others wait for find room beyond that: those others may fill the queue, and cycle on it for as
    long as they wait.
    """

    def __init__(self, queue: ChunkQueue, limit: int, timeout: float) -> None:
        self._queue = queue
        self._limit = limit
        self._timeout = timeout
        self._workers = WorkerWatcher(partial(retry_transient, queue.shortage))

    def wait(self, *, is_waited_for: bool) -> None:
        """Returns when there is room for a chunk; raises DrainTimeoutError if there is none in time."""
        looked = Stopwatch()
        headroom = 0
        with Deadline(self._timeout) as deadline:
            while retry_transient(self._queue.length, deadline=deadline) >= self._limit + headroom:
                if is_waited_for and not headroom:  # workers hold chunks that they may requeue
                    headroom = self._limit + self._running_workers(deadline)
                    continue
                if looked.seconds(True) >= WORKERS_POLL:
                    looked = Stopwatch()
                    self._workers.check(self._running_workers(deadline))
                if not deadline.left:
                    raise DrainTimeoutError(self._timed_out(self._running_workers(deadline)))
                time.sleep(ROOM_POLL)

    def _running_workers(self, deadline: Deadline) -> int:
        return retry_transient(self._queue.state, deadline=deadline).workers

    def _timed_out(self, workers: int) -> str:
        running = f"{counted(workers, 'worker')} {'are' if workers > 1 else 'is'} running; see the workers' logs"
        return (
            f"DRAIN_TIMEOUT: no room on the queue for {self._timeout:g} s: QUEUE_LIMIT is"
            f" {counted(self._limit, 'chunk')}, and {running if workers else no_worker(self._queue.shortage())};"
            f" then {remedies.current.produce_again}: it goes on"
        )
