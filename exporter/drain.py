"""Drained means done: waits until every chunk of every current load is committed in PostgreSQL."""

import time
from collections.abc import Callable
from functools import partial

from exporter.stuck import StuckChunks, stuck_reason, timeout_reason
from pipeline.cli.progress import Progress
from pipeline.errors import DrainTimeoutError, PipelineError
from pipeline.forgetting import forgotten_meanwhile
from pipeline.ledger import ledger
from pipeline.ledger.chunk import MissingChunk
from pipeline.ledger.load import LoadProgress, progress_of
from pipeline.postgres.database import Database
from pipeline.queue import ChunkQueue
from pipeline.waiting import Deadline, WorkerWatcher, retry_transient

POLL_INTERVAL = 0.1  # seconds between looks at ledger and queue


def drain(database: Database, queue: ChunkQueue, timeout: float, meanwhile: Callable[[], None] = lambda: None) -> None:
    """Returns once the ledger holds a load and all current loads are complete; calls `meanwhile` if it has to wait.

    Transient errors are retried. Raises PipelineError naming chunk and reason if a chunk
    failed every time, or if chunks are neither committed nor under way; ForgottenError if a source is forgotten
    before it is loaded; DrainTimeoutError after `timeout` seconds, also if a server does not answer.
    """
    with Deadline(timeout) as deadline:
        _drain(database, queue, deadline, meanwhile)


def _drain(database: Database, queue: ChunkQueue, deadline: Deadline, meanwhile: Callable[[], None]) -> None:
    stuck, workers = StuckChunks(), WorkerWatcher(partial(retry_transient, queue.shortage, deadline=deadline))
    loads, missing = _read_ledger(database, deadline)
    if missing or not loads:
        meanwhile()
    complete = {load.load for load in loads if load.complete}
    done, rows = progress_of(loads, without=complete)
    with Progress("loading", rows, done) as bar:
        while missing or not loads:
            state = retry_transient(queue.state, deadline=deadline)
            if chunks := stuck.find(missing, state):
                raise PipelineError(stuck_reason(database, queue, chunks, state, deadline))
            workers.check(state.workers)
            if not deadline.left:
                raise DrainTimeoutError(timeout_reason(deadline.seconds, loads, missing, state, queue.shortage()))
            time.sleep(POLL_INTERVAL)
            unfinished = {load.source for load in loads if not load.complete}
            loads, missing = _read_ledger(database, deadline)
            if gone := unfinished - {load.source for load in loads}:
                raise forgotten_meanwhile(gone)
            bar.set(*progress_of(loads, without=complete))


def _read_ledger(database: Database, deadline: Deadline) -> tuple[list[LoadProgress], list[MissingChunk]]:
    def attempt() -> tuple[list[LoadProgress], list[MissingChunk]]:
        with database.transaction(snapshot=True) as tx:
            return ledger.progress(tx), ledger.missing_chunks(tx)

    return retry_transient(attempt, deadline=deadline)
