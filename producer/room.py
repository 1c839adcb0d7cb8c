"""Backpressure: the producer waits while the queue holds as much as it may."""

import time

from pipeline.errors import DrainTimeoutError
from pipeline.queue import ChunkQueue
from pipeline.waiting import START_WORKER, Lasting, WorkerWatch, patiently

ROOM_POLL = 0.05  # seconds between looks at a full queue
WORKERS_POLL = 1.0  # seconds between looks for workers while it is full


class Room:
    """Room on the queue: for at most `limit` waiting chunks, and with at most `timeout` seconds without any.

    Chunks that others wait for find room beyond that: those others may fill the queue, and cycle on it for as
    long as they wait.
    """

    def __init__(self, queue: ChunkQueue, limit: int, timeout: float) -> None:
        self._queue = queue
        self._limit = limit
        self._timeout = timeout
        self._workers = WorkerWatch()

    def wait(self, *, is_waited_for: bool) -> None:
        """Returns when there is room for a chunk; raises DrainTimeoutError if there is none in time."""
        full, looked = Lasting(), Lasting()
        headroom = 0
        while patiently(self._queue.length) >= self._limit + headroom:
            if is_waited_for and not headroom:  # workers hold chunks that they may put back
                headroom = self._limit + patiently(self._queue.state).workers
                continue
            if looked.seconds(True) >= WORKERS_POLL:
                looked = Lasting()
                self._workers.look(patiently(self._queue.state).workers)
            if full.seconds(True) >= self._timeout:
                raise DrainTimeoutError(
                    f"DRAIN_TIMEOUT: {self._limit} chunks wait on the queue, and there was no room for"
                    f" {self._timeout:g} s; if no worker is running, {START_WORKER}; then run the producer again:"
                    " it goes on"
                )
            time.sleep(ROOM_POLL)
