"""The state of the pipeline at one moment, from the ledger and from Redis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from pipeline.errors import TransientError
from pipeline.ledger import ledger
from pipeline.ledger.chunk import MissingChunk
from pipeline.postgres.database import Database, Row, Transaction
from pipeline.postgres.queries import Queries
from pipeline.queue import ChunkQueue
from pipeline.queue.view import QueueView

RATE_WINDOW = 10.0  # seconds of commits that the current rate is taken from
HISTORY_SHOWN = 100  # superseded loads, the newest
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
    waiting_rows: int  # counted as unchanged: they are not in the table before all chunks of the dataset are there
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
    """A server, and whether it answered."""

    address: str
    error: str | None  # why it did not answer
    version: str | None = None
    bytes: int | None = None  # of the database; None for Redis


@dataclass(frozen=True)
class Status:
    """Everything that is shown."""

    at: datetime
    state: str  # idle, running, failed or unreachable
    rows_per_second: float  # of all workers, over the last seconds
    seconds_left: float | None
    loads: Sequence[LoadStatus]  # current ones, newest first
    history: Sequence[LoadStatus]  # superseded ones, newest first
    workers: Sequence[WorkerStatus]
    queue: QueueStatus | None  # None: Redis does not answer
    failed_chunks: Sequence[FailedChunk]
    lost_chunks: int  # missing, but neither queued nor being loaded nor failed: the producer has to run again
    rejected_rules: Sequence[RejectedRule]  # the commonest first
    tables: Sequence[TableStatus]  # the largest first
    postgresql: ServerStatus
    redis: ServerStatus


class StatusReader:
    """Reads the status again and again; what the ledger has not changed since is not read twice."""

    def __init__(self, database: Database, queue: ChunkQueue, queue_limit: int) -> None:
        self._database = database
        self._queue = queue
        self._queue_limit = queue_limit
        self._recorded: _Recorded | None = None

    def read(self) -> Status:
        """What both servers show; one that does not answer is named, and what it would show is empty."""
        view, redis = _read_queue(self._queue)  # first: a chunk that it shows nowhere is committed since, or lost
        processes = tuple(worker.process for worker in view.workers) if view else ()
        recorded, postgresql = self._read_ledger(processes)
        rate = recorded.recent_rows / RATE_WINDOW
        loads = _loads(recorded.loads, rate)
        failed = _failed_chunks(view, recorded.missing) if view else []
        lost = _lost_chunks(self._queue, view, recorded.missing) if view else 0
        if postgresql.error or redis.error:
            state = "unreachable"
        elif failed or lost:
            state = "failed"
        else:
            state = "running" if recorded.missing or (view and view.producing) else "idle"
        return Status(
            at=recorded.at,
            state=state,
            rows_per_second=rate,
            seconds_left=max((load.seconds_left for load in loads if load.seconds_left is not None), default=None),
            loads=[load for load in loads if load.state != "superseded"],
            history=[load for load in loads if load.state == "superseded"],
            workers=_workers(view, recorded.committed) if view else [],
            queue=_queue(view, recorded.at, self._queue_limit) if view else None,
            failed_chunks=failed,
            lost_chunks=lost,
            rejected_rules=recorded.rules,
            tables=recorded.tables,
            postgresql=postgresql,
            redis=redis,
        )

    def _read_ledger(self, processes: tuple[str, ...]) -> tuple["_Recorded", ServerStatus]:
        try:
            with self._database.transaction(snapshot=True) as tx:
                self._recorded = _recorded(tx, processes, self._recorded)
                return self._recorded, ServerStatus(self._database.address, None, *tx.rows(SQL["server"])[0])
        except TransientError as error:
            return _Recorded(datetime.now(UTC)), ServerStatus(self._database.address, str(error))


@dataclass(frozen=True)
class _Recorded:
    """What the ledger holds at one moment."""

    at: datetime
    snapshot: str = ""  # which transactions were committed then
    processes: tuple[str, ...] = ()  # that `committed` was asked for
    loads: Sequence[Row] = ()
    rules: Sequence[RejectedRule] = ()
    tables: Sequence[TableStatus] = ()
    committed: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # worker -> chunks and rows
    missing: Sequence[MissingChunk] = ()

    @property
    def recent_rows(self) -> int:
        return sum(row[RECENT_ROWS] for row in self.loads)


def _recorded(tx: Transaction, processes: tuple[str, ...], before: _Recorded | None) -> _Recorded:
    """What the ledger holds now: what it held before, if nothing was committed since and the rate is 0."""
    [(now, snapshot)] = tx.rows("SELECT clock_timestamp(), pg_current_snapshot()::text")
    if before and (before.snapshot, before.processes) == (snapshot, processes) and not before.recent_rows:
        return replace(before, at=now)
    return _Recorded(
        at=now,
        snapshot=snapshot,
        processes=processes,
        loads=tx.rows(SQL["loads"], window=RATE_WINDOW, history=HISTORY_SHOWN),
        rules=[RejectedRule(*row) for row in tx.rows(SQL["rejected_rules"], limit=RULES_SHOWN)],
        tables=[TableStatus(*row) for row in tx.rows(SQL["tables"])],
        committed=_committed(tx, processes),
        missing=ledger.missing_chunks(tx),
    )


def _committed(tx: Transaction, processes: Sequence[str]) -> dict[str, tuple[int, int]]:
    found = tx.rows(SQL["workers"], workers=list(processes)) if processes else []
    return {worker: (chunks, rows) for worker, chunks, rows in found}


def _read_queue(queue: ChunkQueue) -> tuple[QueueView | None, ServerStatus]:
    try:
        return queue.view(), ServerStatus(queue.address, None, queue.server_version())
    except TransientError as error:
        return None, ServerStatus(queue.address, str(error))


def _queue(view: QueueView, now: datetime, limit: int) -> QueueStatus:
    oldest = view.oldest_enqueued_at
    wait = (now - oldest).total_seconds() if oldest else None
    return QueueStatus(view.waiting, limit, view.running, len(view.failed_jobs), view.producing, wait)


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


def _failed_chunks(view: QueueView, missing: Sequence[MissingChunk]) -> list[FailedChunk]:
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
                    job.error,
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
    try:
        state = queue.state()
    except TransientError:
        return 0
    return 0 if state.producing else len(lost - state.under_way - state.failed.keys())
