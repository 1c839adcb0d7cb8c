"""Stuck chunks: which ones they are, and why the drain ends without them."""

import logging
import time
from functools import partial

from pipeline import remedies
from pipeline.ledger import kept_aside
from pipeline.ledger.chunk import MissingChunk
from pipeline.ledger.load import LoadProgress
from pipeline.postgres.database import Database
from pipeline.queue import ChunkQueue, QueueState
from pipeline.waiting import Deadline, Stopwatch, Throttle, no_worker, retry_transient
from pipeline.wording import counted, listed

STALL_WARNING = 30.0  # seconds without a commit until a warning is logged
MISSING_GRACE = 5.0  # seconds that a missing chunk may be neither under way nor committed

logger = logging.getLogger("exporter")


class StuckChunks:
    """Chunks that are missing and not under way, without a producer that might still queue them."""

    def __init__(self) -> None:
        self._since: dict[MissingChunk, float] = {}
        self._missing_before = 0
        self._without_commit, self._warnings = Stopwatch(), Throttle()

    def find(self, missing: list[MissingChunk], state: QueueState) -> list[MissingChunk]:
        """Those that have been stuck for longer than it takes to commit a chunk, or to start a producer.

        Warns, each minute, if workers run and the number of missing chunks stays the same.
        """
        seconds = self._without_commit.seconds(len(missing) == self._missing_before)
        self._missing_before = len(missing)
        if missing and state.workers and seconds >= STALL_WARNING and self._warnings.is_due():
            waits_for = _with_workers(missing, state)
            logger.warning("no chunk was committed for %.0f s: %s; see their logs", seconds, waits_for)
        now = time.monotonic()
        idle = [] if state.producing else [chunk for chunk in missing if chunk.key not in state.under_way]
        self._since = {chunk: self._since.get(chunk, now) for chunk in idle}
        return [chunk for chunk, since in self._since.items() if now - since >= MISSING_GRACE]


def stuck_reason(
    database: Database, queue: ChunkQueue, stuck: list[MissingChunk], state: QueueState, deadline: Deadline
) -> str:
    """Why chunks are stuck, the remedy, and which files wait for them. One that has failed comes first."""
    waiting = _waiting_sources(database, stuck[0], deadline)
    return f"{_failed_or_lost(queue, stuck, state, deadline)}{waiting}"


def _failed_or_lost(queue: ChunkQueue, stuck: list[MissingChunk], state: QueueState, deadline: Deadline) -> str:
    again = remedies.current.produce_again
    for chunk in stuck:
        if job_id := state.failed.get(chunk.key):
            reason = retry_transient(partial(queue.failure, job_id), deadline=deadline)
            remedy = "" if reason.endswith(" again") else f"; correct the cause, then {again}"
            return f"{chunk} failed every time: {reason}{remedy}"
    return f"{_describe_missing(stuck)} neither committed nor on the queue; {again}, which queues what is missing"


def _waiting_sources(database: Database, stuck: MissingChunk, deadline: Deadline) -> str:
    """The files whose rows are not in their table as long as this chunk is missing."""

    def attempt() -> list[str]:
        with database.transaction() as tx:
            return [source for source in kept_aside.sources_kept_aside(tx, stuck.load) if source != stuck.source]

    waiting = retry_transient(attempt, deadline=deadline)
    return f"; until then rows of {listed(waiting)} wait for it" if waiting else ""


def timeout_reason(
    timeout: float, loads: list[LoadProgress], missing: list[MissingChunk], state: QueueState, shortage: str | None
) -> str:
    """What was missing when the time was up, and the remedy."""
    waited = f"DRAIN_TIMEOUT: not done after {timeout:g} s"
    if not loads:
        return f"{waited}: the ledger holds no load; run the producer"
    if not state.workers:
        return f"{waited}: {_describe_missing(missing)} missing and {no_worker(shortage)}"
    return f"{waited}: {_with_workers(missing, state)}; wait longer or see their logs"


def _with_workers(missing: list[MissingChunk], state: QueueState) -> str:
    return f"{_describe_missing(missing)} missing with {counted(state.workers, 'worker')} running"


def _describe_missing(missing: list[MissingChunk]) -> str:
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return f"{missing[0]}{more} {'are' if more else 'is'}"
