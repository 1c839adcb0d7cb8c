"""The state of the pipeline at one moment, from the ledger and from Redis."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType

from pipeline.errors import TransientError
from pipeline.ledger.chunk import MissingChunk
from pipeline.postgres.database import Database
from pipeline.queue import ChunkQueue
from pipeline.queue.view import QueueView
from pipeline.status.chunks_view import ChunksView
from pipeline.status.ledger_view import SQL, LedgerView, LoadView, read_ledger
from pipeline.status.shown import (
    FailedChunk,
    LoadStatus,
    QueueStatus,
    RejectedRule,
    ServerStatus,
    Status,
    TableStatus,
    WorkerStatus,
)

NO_ROWS: Mapping[str, int] = MappingProxyType({})
RULES_SHOWN = 100  # of sources and rules with rejected rows, the commonest


class StatusReader:
    """Reads the status again and again; what the ledger has not changed since is not read twice."""

    def __init__(self, database: Database, connect_queue: Callable[[], ChunkQueue], queue_limit: int) -> None:
        """`connect_queue` is called for each look, and raises TransientError if Redis does not serve."""
        self._database = database
        self._connect_queue = connect_queue
        self._queue_limit = queue_limit
        self._ledger = LedgerView(datetime.now(UTC))

    def read(self) -> Status:
        """What both servers show; one that does not answer is named, and what it would show is empty."""
        queue, view, redis = self._read_queue()  # first: a chunk that it shows nowhere is committed since, or lost
        ledger, postgresql = self._read_ledger()
        if queue and not queue.installation and not postgresql.error:
            return self.read()  # PostgreSQL has come back meanwhile, and tells which jobs are the database's
        failed = _failed_chunks(view, ledger.missing) if view else []
        has_workers = bool(view and view.workers)
        failed_rows: Counter[str] = Counter()
        for chunk in failed:
            failed_rows[chunk.source] += chunk.rows
        loads = load_statuses(ledger, failed_rows, has_workers=has_workers)
        lost = _lost_chunks(queue, view, ledger.missing) if queue and view and not postgresql.error else None
        if postgresql.error or redis.error:
            state = "unreachable"
        elif failed or lost:
            state = "failed"
        else:
            state = "running" if ledger.missing or (view and view.producing) else "idle"
        return Status(
            at=ledger.at,
            state=state,
            rows_per_second=None if postgresql.error else ledger.rows_per_second,
            seconds_left=_seconds_left(loads) if state == "running" else None,
            loads=[load for load in loads if load.state != "superseded"],
            history=[load for load in loads if load.state == "superseded"],
            workers=_workers(view, ledger.current_chunks) if view else [],
            queue=_queue(view, ledger.at, self._queue_limit) if view else None,
            failed_chunks=failed,
            lost_chunks=lost,
            rejected_rules=rejected_rules(ledger)[:RULES_SHOWN],
            chunk_durations=None if postgresql.error else ledger.durations,
            tables=[TableStatus(*row) for row in ledger.tables],
            postgresql=postgresql,
            redis=redis,
        )

    def _read_ledger(self) -> tuple[LedgerView, ServerStatus]:
        try:
            with self._database.transaction(snapshot=True) as tx:
                self._ledger = read_ledger(tx, self._ledger)
                return self._ledger, ServerStatus(self._database.address, None, *tx.rows(SQL["server"])[0])
        except TransientError as error:
            return LedgerView(datetime.now(UTC)), ServerStatus(self._database.address, str(error))

    def _read_queue(self) -> tuple[ChunkQueue | None, QueueView | None, ServerStatus]:
        queue = None
        try:
            queue = self._connect_queue()
            return queue, queue.view(), ServerStatus(queue.address, None, queue.server_version())
        except TransientError as error:
            return queue, None, ServerStatus(queue.address if queue else None, str(error))


def _seconds_left(loads: Sequence[LoadStatus]) -> float | None:
    return max((load.seconds_left for load in loads if load.seconds_left is not None), default=None)


def _queue(view: QueueView, now: datetime, limit: int) -> QueueStatus:
    oldest = view.oldest_enqueued_at
    wait = (now - oldest).total_seconds() if oldest else None
    return QueueStatus(view.waiting, limit, view.running, view.failed, view.producing, wait)


def load_statuses(
    ledger: LedgerView, failed_rows: Mapping[str, int] = NO_ROWS, *, has_workers: bool = True
) -> list[LoadStatus]:
    """Loads, newest first. Workers take chunks in the order of the loads, so one ends when all before it are done.

    `failed_rows` are those of failed chunks by source: such a source has no time left, and its failed rows delay no
    other. No load has one while no worker runs.
    """
    loads, rows_left = [], 0
    rate = ledger.rows_per_second
    for sealed in reversed(ledger.loads):
        load = _load(sealed, ledger.chunks[sealed.load])
        if load.state == "loading":
            rows_left += load.rows - load.committed_rows - failed_rows.get(load.source, 0)
            is_foreseeable = rate and has_workers and load.source not in failed_rows
            load = replace(load, seconds_left=rows_left / rate if is_foreseeable else None)
        loads.append(load)
    return loads[::-1]


def _load(load: LoadView, chunks: ChunksView) -> LoadStatus:
    seconds = (chunks.timed_end - load.sealed_at).total_seconds() if chunks.timed_end else None
    is_complete = chunks.committed_chunks == load.chunks
    return LoadStatus(
        load=load.load,
        source=load.source,
        dataset=load.dataset,
        version=load.version,
        state="superseded" if not load.is_current else "complete" if is_complete else "loading",
        rows=load.rows,
        committed_rows=chunks.committed_rows,
        inserted=chunks.inserted,
        updated=chunks.updated,
        unchanged=chunks.unchanged,
        rejected=chunks.rejected,
        deleted=chunks.deleted,
        retries=chunks.retries,
        chunks=load.chunks,
        committed_chunks=chunks.committed_chunks,
        sealed_at=load.sealed_at,
        last_commit_at=chunks.last_commit_at,
        seconds=seconds,
        rows_per_second=chunks.timed_rows / seconds if seconds else None,
        waiting_rows=chunks.waiting_rows,
    )


def _workers(view: QueueView, current: Sequence[ChunksView]) -> list[WorkerStatus]:
    workers = []
    for worker in view.workers:
        workers.append(
            WorkerStatus(
                worker.name,
                worker.host,
                worker.state,
                worker.job,
                sum(chunks.worker_chunks[worker.name] for chunks in current),
                sum(chunks.worker_rows[worker.name] for chunks in current),
                worker.started_at,
                worker.last_seen,
                worker.error,
            )
        )
    return workers


def rejected_rules(ledger: LedgerView) -> list[RejectedRule]:
    """The rules that rows of current loads break, the commonest first."""
    rules = [
        RejectedRule(load.source, rule, *broken)
        for load in ledger.loads
        if load.is_current
        for rule, broken in ledger.chunks[load.load].rules.items()
    ]
    return sorted(rules, key=lambda rule: (-rule.rows, rule.source, rule.rule))


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


def _lost_chunks(queue: ChunkQueue, view: QueueView, missing: Sequence[MissingChunk]) -> int | None:
    """Chunks that two looks at the queue have not found: they may have been queued after the first one.

    None if Redis does not answer the second time.
    """
    lost = {chunk.key for chunk in missing} - view.under_way - view.failed_chunks.keys()
    if not lost or view.producing:
        return 0
    try:
        state = queue.state()
    except TransientError:
        return None
    return 0 if state.producing else len(lost - state.under_way - state.failed.keys())
