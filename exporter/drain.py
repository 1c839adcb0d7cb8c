"""Drained means done: waits until every chunk of every current load is committed in PostgreSQL."""

import logging
import time

from pipeline import ledger
from pipeline.database import Database
from pipeline.errors import DrainTimeoutError, PipelineError
from pipeline.ledger import LoadProgress, MissingChunk
from pipeline.progress import Progress
from pipeline.queue import ChunkQueue, QueueState

POLL_INTERVAL = 0.1  # seconds between looks at ledger and queue
NO_WORKER_WARNING = 3.0  # seconds without a worker until it is said
MISSING_GRACE = 5.0  # seconds without anything under way until missing chunks count as lost

logger = logging.getLogger(__name__)


def drain(database: Database, queue: ChunkQueue, timeout: float) -> None:
    """Returns once the ledger holds a load and all current loads are complete.

    Raises PipelineError naming chunk and reason if a chunk failed every time, or if chunks are neither
    committed nor under way; DrainTimeoutError after `timeout` seconds.
    """
    waited, stalled, workerless = Lasting(), Lasting(), Lasting()
    warned = False
    with Progress("loading", _rows_to_load(database)) as bar:
        while True:
            loads, missing = _look(database)
            bar.set(sum(load.committed_rows for load in loads))
            if loads and not missing:
                return
            state = queue.state()
            _raise_for_failed(missing, queue, state)
            if stalled.seconds(bool(missing) and not state.under_way) >= MISSING_GRACE:
                raise PipelineError(
                    f"{_these(missing)} neither committed nor on the queue; the producer queues what is missing:"
                    " run it again"
                )
            if workerless.seconds(not state.workers) >= NO_WORKER_WARNING and not warned:
                warned = True
                logger.warning("no worker is running; start one with `python -m worker`")
            if waited.seconds(True) >= timeout:
                raise DrainTimeoutError(_timed_out(timeout, loads, missing, state))
            time.sleep(POLL_INTERVAL)


class Lasting:
    """For how long something has been so without a break, from the first look on."""

    def __init__(self) -> None:
        self._since: float | None = None

    def seconds(self, is_so: bool) -> float:
        now = time.monotonic()
        self._since = (self._since or now) if is_so else None
        return now - (self._since or now)


def _look(database: Database) -> tuple[list[LoadProgress], list[MissingChunk]]:
    with database.transaction(snapshot=True) as tx:
        return ledger.progress(tx), ledger.missing_chunks(tx)


def _rows_to_load(database: Database) -> int:
    loads, _ = _look(database)
    return sum(load.row_count for load in loads)


def _raise_for_failed(missing: list[MissingChunk], queue: ChunkQueue, state: QueueState) -> None:
    for chunk in missing:
        if chunk.job_id in state.failed and chunk.job_id not in state.under_way:
            raise PipelineError(
                f"{chunk} failed every time: {queue.failure(chunk.job_id)}; mend the cause, then run the producer again"
            )


def _timed_out(timeout: float, loads: list[LoadProgress], missing: list[MissingChunk], state: QueueState) -> str:
    waited = f"DRAIN_TIMEOUT: not done after {timeout:g} s"
    if not loads:
        return f"{waited}: the ledger holds no load; run the producer"
    if not state.workers:
        return f"{waited}: {_these(missing)} missing and no worker is running; start one with `python -m worker`"
    return f"{waited}: {_these(missing)} missing with {state.workers} workers running; wait longer or see their logs"


def _these(missing: list[MissingChunk]) -> str:
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return f"{missing[0]}{more} {'are' if more else 'is'}"
