"""The state of the pipeline at one moment, from the ledger and from Redis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from pipeline.ledger import ledger
from pipeline.ledger.ledger import MissingChunk
from pipeline.postgres.database import Database, Row
from pipeline.postgres.queries import Queries
from pipeline.queue import ChunkQueue
from pipeline.queue.view import QueueView

RATE_WINDOW = 10.0  # seconds of commits that the current rate is taken from
RULES_SHOWN = 100  # of sources and rules with rejected rows, the commonest

RECENT_ROWS = -1  # column of the query `loads`

SQL = Queries(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True)
class LoadStatus:
    """One version of a file: how far it is, and what became of its rows."""

    load: int
    source: str
    dataset: str
    version: str  # the first digits of the content's SHA-256
    state: str  # loading, complete or superseded
    rows: int
    committed_rows: int
    inserted: int
    updated: int
    unchanged: int
    rejected: int
    deleted: int
    chunks: int
    committed_chunks: int
    sealed_at: datetime
    last_commit_at: datetime | None
    seconds: float | None  # from sealing to the last commit; None: nothing had to be loaded
    rows_per_second: float | None
    seconds_left: float | None = None  # None: not known, or nothing is left


@dataclass(frozen=True)
class WorkerStatus:
    """A worker that runs, and what it has committed of the current loads."""

    name: str
    host: str
    state: str  # idle or busy
    job: str | None
    chunks: int
    rows: int
    started_at: datetime | None
    last_seen_at: datetime | None


@dataclass(frozen=True)
class QueueStatus:
    """The queue; all counts are jobs, which hold one large chunk or several small ones."""

    waiting: int
    limit: int  # QUEUE_LIMIT
    running: int
    failed: int
    producing: bool  # whether a producer is queueing chunks
    oldest_wait_seconds: float | None


@dataclass(frozen=True)
class FailedChunk:
    """A missing chunk whose job is in the FailedJobRegistry."""

    job: str
    source: str
    chunk: int
    first_row: int
    rows: int
    error: str
    attempts: int
    failed_at: datetime | None


@dataclass(frozen=True)
class RejectedRule:
    """The rows of a source that break one rule."""

    source: str
    rule: str
    rows: int
    line: int  # of the first of them
    example: str


@dataclass(frozen=True)
class TableStatus:
    """The table of a dataset."""

    dataset: str
    table: str
    bytes: int  # with indexes
    estimated_rows: int


@dataclass(frozen=True)
class ServerStatus:
    """A server that answered."""

    address: str
    version: str
    bytes: int | None  # of the database; None for Redis


@dataclass(frozen=True)
class Status:
    """Everything that is shown."""

    at: datetime
    state: str  # idle, running or failed
    rows_per_second: float  # of all workers, over the last seconds
    seconds_left: float | None
    loads: Sequence[LoadStatus]  # current ones, newest first
    history: Sequence[LoadStatus]  # superseded ones, newest first
    workers: Sequence[WorkerStatus]
    queue: QueueStatus
    failed_chunks: Sequence[FailedChunk]
    lost_chunks: int  # missing, but neither queued nor being loaded nor failed: the producer has to run again
    rejected_rules: Sequence[RejectedRule]  # the commonest first
    tables: Sequence[TableStatus]  # the largest first
    postgresql: ServerStatus
    redis: ServerStatus


def read(database: Database, queue: ChunkQueue, queue_limit: int) -> Status:
    """Raises TransientError or PipelineError if a server does not answer."""
    view = queue.view()
    redis = ServerStatus(queue.address, queue.server_version(), None)
    with database.transaction(snapshot=True) as tx:
        now = tx.value("SELECT clock_timestamp()")
        rows = tx.rows(SQL["loads"], window=RATE_WINDOW)
        rules = [RejectedRule(*row) for row in tx.rows(SQL["rejected_rules"], limit=RULES_SHOWN)]
        tables = [TableStatus(*row) for row in tx.rows(SQL["tables"])]
        committed = {worker: (chunks, count) for worker, chunks, count in tx.rows(SQL["workers"])}
        missing = ledger.missing_chunks(tx)
        postgresql = ServerStatus(database.address, *tx.rows(SQL["server"])[0])
    rate = sum(row[RECENT_ROWS] for row in rows) / RATE_WINDOW
    loads = _loads(rows, rate)
    failed = _failed_chunks(queue, view, missing)
    lost = _lost_chunks(queue, view, missing)
    return Status(
        at=now,
        state="failed" if failed or lost else "running" if missing or view.producing else "idle",
        rows_per_second=rate,
        seconds_left=max((load.seconds_left for load in loads if load.seconds_left is not None), default=None),
        loads=[load for load in loads if load.state != "superseded"],
        history=[load for load in loads if load.state == "superseded"],
        workers=_workers(view, committed),
        queue=QueueStatus(
            waiting=view.waiting,
            limit=queue_limit,
            running=view.running,
            failed=len(view.failed_jobs),
            producing=view.producing,
            oldest_wait_seconds=(now - view.oldest_enqueued_at).total_seconds() if view.oldest_enqueued_at else None,
        ),
        failed_chunks=failed,
        lost_chunks=lost,
        rejected_rules=rules,
        tables=tables,
        postgresql=postgresql,
        redis=redis,
    )


def _loads(rows: Sequence[Row], rate: float) -> list[LoadStatus]:
    """Loads, newest first. Workers take chunks in the order of the loads, so one ends when all before it are done."""
    loads, rows_left = [], 0
    for *shown, _ in reversed(rows):
        load = LoadStatus(*shown)
        if load.state == "loading":
            rows_left += load.rows - load.committed_rows
            load = replace(load, seconds_left=rows_left / rate if rate else None)
        loads.append(load)
    return loads[::-1]


def _workers(view: QueueView, committed: Mapping[str, tuple[int, int]]) -> list[WorkerStatus]:
    workers = []
    for worker in view.workers:
        chunks, rows = committed.get(worker.process, (0, 0))
        state = "busy" if worker.is_busy else "idle"
        workers.append(
            WorkerStatus(worker.name, worker.host, state, worker.job, chunks, rows, worker.started_at, worker.last_seen)
        )
    return workers


def _failed_chunks(queue: ChunkQueue, view: QueueView, missing: Sequence[MissingChunk]) -> list[FailedChunk]:
    failed = []
    for chunk in missing:
        if (job := view.failed_jobs.get(view.failed_chunks.get(chunk.key, ""))) is not None:
            failed.append(
                FailedChunk(
                    job.id,
                    chunk.source,
                    chunk.plan.number,
                    chunk.plan.first_row,
                    chunk.plan.row_count,
                    queue.failure(job.id),
                    job.attempts,
                    job.failed_at,
                )
            )
    return failed


def _lost_chunks(queue: ChunkQueue, view: QueueView, missing: Sequence[MissingChunk]) -> int:
    """Chunks that two looks at the queue have not found: they may have been queued after the first one."""
    lost = {chunk.key for chunk in missing} - view.under_way - view.failed_chunks.keys()
    if not lost or view.producing:
        return 0
    state = queue.state()
    return 0 if state.producing else len(lost - state.under_way - state.failed.keys())
