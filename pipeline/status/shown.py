"""What a status shows: loads, workers, queue, failed chunks, rejected rows, tables and servers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.status.ledger_view import ChunkDurations


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
    retries: int  # attempts at committed chunks that ended in a transient error, or with a killed worker
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
    state: str  # idle, busy or suspended
    job: str | None
    chunks: int
    rows: int
    started_at: datetime | None
    last_seen_at: datetime | None
    error: str | None = None  # of the last chunk, if that is to be tried again


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
    bytes: int | None  # with indexes; None while the table is locked exclusively
    estimated_rows: int | None  # by the last ANALYZE or VACUUM; None before the first


@dataclass(frozen=True)
class ServerStatus:
    """A server, and whether it answered."""

    address: str | None  # None: of a Redis that has not answered yet
    error: str | None  # why it did not answer
    version: str | None = None
    bytes: int | None = None  # of the database; None for Redis


@dataclass(frozen=True)
class Status:
    """Everything that is shown."""

    at: datetime
    state: str  # idle, running, failed or unreachable
    rows_per_second: float | None  # of all workers, over the last seconds; None: PostgreSQL does not answer
    seconds_left: float | None
    loads: Sequence[LoadStatus]  # current ones, newest first
    history: Sequence[LoadStatus]  # superseded ones, newest first
    workers: Sequence[WorkerStatus]
    queue: QueueStatus | None  # None: Redis does not answer
    failed_chunks: Sequence[FailedChunk]
    # Missing, but neither queued nor being loaded nor failed: the producer has to run again. None: not known.
    lost_chunks: int | None
    rejected_rules: Sequence[RejectedRule]  # the commonest first
    chunk_durations: ChunkDurations | None  # None: PostgreSQL does not answer
    tables: Sequence[TableStatus]  # the largest first
    postgresql: ServerStatus
    redis: ServerStatus
