"""Drained means done: waits until every chunk of every current load is committed in PostgreSQL."""

import time
from functools import partial

from pipeline import ledger
from pipeline.database import Database
from pipeline.errors import DrainTimeoutError, PipelineError
from pipeline.ledger import LoadProgress, MissingChunk
from pipeline.progress import Progress
from pipeline.queue import ChunkQueue, QueueState
from pipeline.waiting import START_WORKER, Lasting, WorkerWatch, patiently

POLL_INTERVAL = 0.1  # seconds between looks at ledger and queue
MISSING_GRACE = 5.0  # seconds that a missing chunk may be neither under way nor committed


def drain(database: Database, queue: ChunkQueue, timeout: float) -> None:
    """Returns once the ledger holds a load and all current loads are complete.

    Rides over servers that are away for a while. Raises PipelineError naming chunk and reason if a chunk
    failed every time, or if chunks are neither committed nor under way; DrainTimeoutError after `timeout`
    seconds.
    """
    waited, stuck, workers = Lasting(), Stuck(), WorkerWatch()
    loads, missing = _look(database)
    with Progress("loading", sum(load.row_count for load in loads), _committed_rows(loads)) as bar:
        while missing or not loads:
            state = patiently(queue.state)
            if chunks := stuck.look(missing, state):
                raise PipelineError(_why(chunks, queue, state))
            workers.look(state.workers)
            if waited.seconds(True) >= timeout:
                raise DrainTimeoutError(_timed_out(timeout, loads, missing, state))
            time.sleep(POLL_INTERVAL)
            loads, missing = _look(database)
            bar.set(_committed_rows(loads))


class Stuck:
    """Chunks that are missing and not under way, without a producer that might still queue them."""

    def __init__(self) -> None:
        self._since: dict[MissingChunk, float] = {}

    def look(self, missing: list[MissingChunk], state: QueueState) -> list[MissingChunk]:
        """Those that have been so for longer than it takes to commit a chunk, or to start a producer."""
        now = time.monotonic()
        idle = [] if state.producing else [chunk for chunk in missing if chunk.job_id not in state.under_way]
        self._since = {chunk: self._since.get(chunk, now) for chunk in idle}
        return [chunk for chunk, since in self._since.items() if now - since >= MISSING_GRACE]


def _committed_rows(loads: list[LoadProgress]) -> int:
    return sum(load.committed_rows for load in loads)


def _look(database: Database) -> tuple[list[LoadProgress], list[MissingChunk]]:
    def attempt() -> tuple[list[LoadProgress], list[MissingChunk]]:
        with database.transaction(snapshot=True) as tx:
            return ledger.progress(tx), ledger.missing_chunks(tx)

    return patiently(attempt)


def _why(stuck: list[MissingChunk], queue: ChunkQueue, state: QueueState) -> str:
    """Why they are stuck: one that has failed comes first, others are lost."""
    for chunk in stuck:
        if chunk.job_id in state.failed:
            reason = patiently(partial(queue.failure, chunk.job_id))
            return f"{chunk} failed every time: {reason}; mend the cause, then run the producer again"
    return f"{_these(stuck)} neither committed nor on the queue; the producer queues what is missing: run it again"


def _timed_out(timeout: float, loads: list[LoadProgress], missing: list[MissingChunk], state: QueueState) -> str:
    waited = f"DRAIN_TIMEOUT: not done after {timeout:g} s"
    if not loads:
        return f"{waited}: the ledger holds no load; run the producer"
    if not state.workers:
        return f"{waited}: {_these(missing)} missing and no worker is running; {START_WORKER}"
    return f"{waited}: {_these(missing)} missing with {state.workers} workers running; wait longer or see their logs"


def _these(missing: list[MissingChunk]) -> str:
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return f"{missing[0]}{more} {'are' if more else 'is'}"
