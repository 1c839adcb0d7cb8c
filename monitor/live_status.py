"""The status, read on request but at most once in 0.9 s, so many pages cost one read."""

import threading
import time

from pipeline.queue import ChunkQueue
from pipeline.status.shown import Status
from pipeline.status.status import StatusReader

FRESH_FOR = 0.9  # seconds; pages ask once a second, so what they show is less than two seconds old


class LiveStatus:
    """Safe for threads, which wait for the one that reads."""

    def __init__(self, reader: StatusReader, queue: ChunkQueue) -> None:
        self._reader = reader
        self._queue = queue
        self._reading = threading.Lock()
        self._status: Status | None = None
        self._read_at = 0.0

    def get(self) -> Status:
        """Raises PipelineError if a server refuses for good."""
        with self._reading:
            if self._status is None or time.monotonic() - self._read_at >= FRESH_FOR:
                self._status = self._reader.read()
                self._read_at = time.monotonic()
            return self._status

    def retry(self, job_id: str | None) -> int:
        """Puts a failed job, or all of them, back on the queue; returns how many. Raises TransientError."""
        job_ids = [job_id] if job_id else {chunk.job for chunk in self.get().failed_chunks}
        with self._reading:
            self._read_at = 0.0
            return self._queue.retry(job_ids)
