"""Backpressure: the producer waits while the queue holds as much as it may."""

import time

from pipeline.errors import DrainTimeoutError
from pipeline.queue import ChunkQueue
from pipeline.waiting import START_WORKER, Lasting, WorkerWatch, patiently

ROOM_POLL = 0.05  # seconds between looks at a full queue
WORKERS_POLL = 1.0  # seconds between looks for workers while it is full


class Room:
    """Room on the queue: for at most `limit` waiting chunks, and with at most `timeout` seconds without any."""

    def __init__(self, queue: ChunkQueue, limit: int, timeout: float) -> None:
        self._queue = queue
        self._limit = limit
        self._timeout = timeout
        self._workers = WorkerWatch()

    def wait(self) -> None:
        """Returns when there is room for a chunk; raises DrainTimeoutError if there is none in time."""
        full, looked = Lasting(), Lasting()
        while not patiently(self._has_room):
            if looked.seconds(True) >= WORKERS_POLL:
                looked = Lasting()
                self._workers.look(patiently(self._queue.state).workers)
            if full.seconds(True) >= self._timeout:
                raise DrainTimeoutError(
                    f"DRAIN_TIMEOUT: {self._limit} chunks wait on the queue and none was taken for {self._timeout:g} s;"
                    f" if no worker is running, {START_WORKER}; then run the producer again: it goes on"
                )
            time.sleep(ROOM_POLL)

    def _has_room(self) -> bool:
        return self._queue.has_room(self._limit)
