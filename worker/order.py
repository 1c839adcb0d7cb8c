"""Chunks out of order: each is requeued behind the chunk that it waits for, or fails along with that one."""

import threading
import time

from pipeline import remedies
from pipeline.errors import BlockedError, OutOfOrderError, RequeueError
from pipeline.ledger.chunk import MissingChunk
from pipeline.queue import ChunkQueue, LoadChunk, QueueState

PAUSES = (0.05, 0.1, 0.3, 1.0, 2.0)  # seconds, growing, while one chunk is waited for; the last one again and again
LOST_AFTER = 5.0  # seconds without a sign of the chunk that is waited for; a producer may be about to start


class InOrder:
    """Loads chunks, and sees to those that have to wait for others. Belongs to one worker."""

    def __init__(self, load_chunk: LoadChunk, queue: ChunkQueue, stop: threading.Event | None = None) -> None:
        """When `stop` is set, pauses end and the chunk in hand is requeued."""
        self._load_chunk = load_chunk
        self._queue = queue
        self._stop = stop or threading.Event()
        self._awaited: MissingChunk | None = None  # the chunk that was waited for last
        self._pauses = 0  # made for it since a chunk was loaded
        self._missed_since: float | None = None  # when it was neither under way nor about to be queued

    def load_chunk(self, load: int, number: int, text: str, installation: str | None = None, requeued: int = 0) -> None:
        """As ChunkLoader.load_chunk. A chunk that has to wait raises OutOfOrderError after a pause.

        Raises BlockedError if the chunk that it waits for has failed or is lost.
        """
        try:
            self._load_chunk(load, number, text, installation, requeued)
        except OutOfOrderError as error:
            self._wait(error)
            raise
        self._await(None)

    def _wait(self, error: OutOfOrderError) -> None:
        """Pauses, unless the chunk that is waited for can be made the next one on the queue."""
        chunk = error.waits_for
        if chunk != self._awaited:
            self._await(chunk)
        self._check_not_blocked(error, self._queue.state())
        if self._queue.bring_forward(chunk):
            return
        pause = PAUSES[min(self._pauses, len(PAUSES) - 1)]
        self._pauses += 1
        if self._stop.wait(pause):
            raise RequeueError("the worker is told to stop")

    def _await(self, chunk: MissingChunk | None) -> None:
        self._awaited, self._pauses, self._missed_since = chunk, 0, None

    def _check_not_blocked(self, error: OutOfOrderError, state: QueueState) -> None:
        key, again = error.waits_for.key, remedies.current.produce_again
        if key in state.under_way:
            self._missed_since = None
        elif key in state.failed:
            reason = self._queue.failure(state.failed[key])
            remedy = "" if reason.endswith(" again") else f"; correct the cause, then {again}"
            raise BlockedError(f"{error}, which failed: {reason}{remedy}")
        elif self._is_lost(state):
            raise BlockedError(f"{error}, which is neither committed nor on the queue; {again}")

    def _is_lost(self, state: QueueState) -> bool:
        now = time.monotonic()
        self._missed_since = None if state.producing else self._missed_since or now
        return self._missed_since is not None and now - self._missed_since >= LOST_AFTER
