"""Drained means done: waits until every chunk of every current load is committed in PostgreSQL."""

import time
from functools import partial

from pipeline import remedies
from pipeline.cli.progress import Progress
from pipeline.errors import DrainTimeoutError, PipelineError
from pipeline.forgetting import forgotten_meanwhile
from pipeline.ledger import kept_aside, ledger
from pipeline.ledger.chunk import MissingChunk
from pipeline.ledger.load import LoadProgress
from pipeline.postgres.database import Database
from pipeline.queue import ChunkQueue, QueueState
from pipeline.waiting import Deadline, WorkerWatch, no_worker, retry_transient
from pipeline.wording import counted, listed

POLL_INTERVAL = 0.1  # seconds between looks at ledger and queue
MISSING_GRACE = 5.0  # seconds that a missing chunk may be neither under way nor committed


def drain(database: Database, queue: ChunkQueue, timeout: float) -> None:
    """Returns once the ledger holds a load and all current loads are complete.

    Rides over servers that are away for a while. Raises PipelineError naming chunk and reason if a chunk
    failed every time, or if chunks are neither committed nor under way; ForgottenError if a source is forgotten
    before it is loaded; DrainTimeoutError after `timeout` seconds, also if a server does not answer.
    """
    with Deadline(timeout) as deadline:
        _drain(database, queue, deadline)


def _drain(database: Database, queue: ChunkQueue, deadline: Deadline) -> None:
    stuck, workers = Stuck(), WorkerWatch(partial(retry_transient, queue.shortage, deadline=deadline))
    loads, missing = _look(database, deadline)
    with Progress("loading", sum(load.row_count for load in loads), _committed_rows(loads)) as bar:
        while missing or not loads:
            state = retry_transient(queue.state, deadline=deadline)
            if chunks := stuck.look(missing, state):
                waiting = _waiting_sources(database, chunks[0], deadline)
                raise PipelineError(f"{_stuck_reason(chunks, queue, state, deadline)}{waiting}")
            workers.look(state.workers)
            if not deadline.left:
                raise DrainTimeoutError(_timed_out(deadline.seconds, loads, missing, state, queue.shortage()))
            time.sleep(POLL_INTERVAL)
            unfinished = {load.source for load in loads if not load.complete}
            loads, missing = _look(database, deadline)
            if gone := unfinished - {load.source for load in loads}:
                raise forgotten_meanwhile(gone)
            bar.set(_committed_rows(loads), sum(load.row_count for load in loads))


class Stuck:
    """Chunks that are missing and not under way, without a producer that might still queue them."""

    def __init__(self) -> None:
        self._since: dict[MissingChunk, float] = {}

    def look(self, missing: list[MissingChunk], state: QueueState) -> list[MissingChunk]:
        """Those that have been so for longer than it takes to commit a chunk, or to start a producer."""
        now = time.monotonic()
        idle = [] if state.producing else [chunk for chunk in missing if chunk.key not in state.under_way]
        self._since = {chunk: self._since.get(chunk, now) for chunk in idle}
        return [chunk for chunk, since in self._since.items() if now - since >= MISSING_GRACE]


def _committed_rows(loads: list[LoadProgress]) -> int:
    return sum(load.committed_rows for load in loads)


def _look(database: Database, deadline: Deadline) -> tuple[list[LoadProgress], list[MissingChunk]]:
    def attempt() -> tuple[list[LoadProgress], list[MissingChunk]]:
        with database.transaction(snapshot=True) as tx:
            return ledger.progress(tx), ledger.missing_chunks(tx)

    return retry_transient(attempt, deadline=deadline)


def _stuck_reason(stuck: list[MissingChunk], queue: ChunkQueue, state: QueueState, deadline: Deadline) -> str:
    """Why chunks are stuck: one that has failed comes first, others are lost."""
    again = remedies.current.produce_again
    for chunk in stuck:
        if job_id := state.failed.get(chunk.key):
            reason = retry_transient(partial(queue.failure, job_id), deadline=deadline)
            remedy = "" if reason.endswith(again) else f"; correct the cause, then {again}"
            return f"{chunk} failed every time: {reason}{remedy}"
    return f"{_describe_missing(stuck)} neither committed nor on the queue; {again}, which queues what is missing"


def _waiting_sources(database: Database, stuck: MissingChunk, deadline: Deadline) -> str:
    """The files whose rows are not in their table as long as this chunk is missing."""

    def attempt() -> list[str]:
        with database.transaction() as tx:
            return [source for source in kept_aside.sources_kept_aside(tx, stuck.load) if source != stuck.source]

    waiting = retry_transient(attempt, deadline=deadline)
    return f"; until then rows of {listed(waiting)} wait for it" if waiting else ""


def _timed_out(
    timeout: float, loads: list[LoadProgress], missing: list[MissingChunk], state: QueueState, shortage: str | None
) -> str:
    waited = f"DRAIN_TIMEOUT: not done after {timeout:g} s"
    if not loads:
        return f"{waited}: the ledger holds no load; run the producer"
    chunks = _describe_missing(missing)
    if not state.workers:
        return f"{waited}: {chunks} missing and {no_worker(shortage)}"
    return f"{waited}: {chunks} missing with {counted(state.workers, 'worker')} running; wait longer or see their logs"


def _describe_missing(missing: list[MissingChunk]) -> str:
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return f"{missing[0]}{more} {'are' if more else 'is'}"
