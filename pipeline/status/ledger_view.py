"""What the ledger holds at one moment, for people to look at; read again only as far as it has changed since."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import accumulate
from pathlib import Path

from pipeline.ledger import ledger
from pipeline.ledger.ledger import MissingChunk
from pipeline.postgres.database import Row, Transaction
from pipeline.postgres.queries import Queries

RATE_WINDOW = 10.0  # seconds of commits that the current rate is taken from
HISTORY_SHOWN = 100  # superseded loads, the newest

# Upper bounds, in seconds; the last one is the time that one attempt at a chunk may take.
DURATION_BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)

SQL = Queries(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True)
class LoadView:
    """One version of a file, as it was sealed."""

    load: int
    source: str
    dataset: str
    version: str  # the first digits of the content's SHA-256
    is_current: bool
    rows: int
    chunks: int
    sealed_at: datetime


@dataclass(frozen=True)
class ChunksView:
    """What has become of the chunks of one load. Those are timed that were loaded for the first time."""

    workers: Mapping[str, tuple[int, int]]  # worker -> chunks and rows that it committed
    durations: Mapping[int, int]  # number of DURATION_BOUNDS exceeded -> chunks
    committed_rows: int
    inserted: int
    updated: int
    unchanged: int
    rejected: int
    deleted: int
    retries: int
    committed_chunks: int
    last_commit_at: datetime | None
    timed_rows: int
    timed_end: datetime | None
    seconds: float  # that chunks took, all together
    recent_rows: int  # committed within RATE_WINDOW


@dataclass(frozen=True)
class ChunkDurations:
    """How long committed chunks of the current loads took, as a cumulative histogram."""

    bounds: Sequence[float]  # seconds
    chunks: Sequence[int]  # that took no longer than each bound, and at the end all
    seconds: float  # of all together


@dataclass(frozen=True)
class LedgerView:
    """What the ledger holds at one moment."""

    at: datetime
    snapshot: str = ""  # which transactions were committed
    started_at: datetime | None = None  # when the server was started
    loads: Sequence[LoadView] = ()  # the current ones and the newest of the others, newest first
    chunks: Mapping[int, ChunksView] = field(default_factory=dict)  # by load
    rules: Mapping[str, Sequence[Row]] = field(default_factory=dict)  # source -> rows of the query `rejected_rules`
    tables: Sequence[Row] = ()
    missing: Sequence[MissingChunk] = ()

    @property
    def recent_rows(self) -> int:
        """Rows that were committed within RATE_WINDOW."""
        return sum(chunks.recent_rows for chunks in self.chunks.values())

    @property
    def current_chunks(self) -> list[ChunksView]:
        """What has become of the chunks of each current load."""
        return [self.chunks[load.load] for load in self.loads if load.is_current]

    @property
    def durations(self) -> ChunkDurations:
        """How long chunks of current loads took."""
        current = self.current_chunks
        counts = [
            sum(chunks.durations.get(bound, 0) for chunks in current) for bound in range(len(DURATION_BOUNDS) + 1)
        ]
        return ChunkDurations(DURATION_BOUNDS, list(accumulate(counts)), sum(chunks.seconds for chunks in current))


def read_ledger(tx: Transaction, before: LedgerView) -> LedgerView:
    """The ledger as a transaction with a snapshot sees it; `before` is what an earlier one saw, or an empty view.

    Only loads are summed up again of which a chunk was written since, or that make up the current rate. A load that is
    complete can change too: a later chunk of another load may take a key from it.
    """
    [(now, snapshot, started_at)] = tx.rows(SQL["moment"])
    if before.started_at != started_at:
        before = LedgerView(now)  # it may be another database
    recent = {load for load, chunks in before.chunks.items() if chunks.recent_rows}
    if before.snapshot == snapshot:
        return replace(before, at=now, chunks={**before.chunks, **_chunks(tx, recent)})
    loads = [LoadView(*row) for row in tx.rows(SQL["loads"], history=HISTORY_SHOWN)]
    kept = before.chunks.keys() - recent - _written_loads(tx, before)
    read = {load.load for load in loads} - kept
    # A rejected row comes and goes with the count in its chunk.
    rules = {**before.rules, **_rules(tx, {load.source for load in loads if load.load in read})}
    chunks = {**before.chunks, **_chunks(tx, read)}
    return LedgerView(
        at=now,
        snapshot=snapshot,
        started_at=started_at,
        loads=loads,
        chunks={load.load: chunks[load.load] for load in loads},
        rules={load.source: rules[load.source] for load in loads},
        tables=tx.rows(SQL["tables"]),
        missing=ledger.missing_chunks(tx),
    )


def _written_loads(tx: Transaction, before: LedgerView) -> set[int]:
    """The loads of which a chunk was written since, or by a transaction that was under way then."""
    if not before.snapshot:
        return set()
    return {load for (load,) in tx.rows(SQL["written_loads"], snapshot=before.snapshot)}


def _chunks(tx: Transaction, loads: Collection[int]) -> dict[int, ChunksView]:
    if not loads:
        return {}
    workers: dict[int, dict[str, tuple[int, int]]] = defaultdict(dict)
    for load, worker, chunks, rows in tx.rows(SQL["workers"], loads=list(loads)):
        workers[load][worker] = (chunks, rows)
    durations: dict[int, dict[int, int]] = defaultdict(dict)
    for load, exceeded, chunks in tx.rows(SQL["durations"], loads=list(loads), bounds=list(DURATION_BOUNDS)):
        durations[load][exceeded] = chunks
    counts = tx.rows(SQL["chunks"], loads=list(loads), window=RATE_WINDOW)
    return {load: ChunksView(workers[load], durations[load], *row) for load, *row in counts}


def _rules(tx: Transaction, sources: Collection[str]) -> dict[str, list[Row]]:
    rules: dict[str, list[Row]] = {source: [] for source in sources}
    for rule in tx.rows(SQL["rejected_rules"], sources=list(sources)) if sources else ():
        rules[rule[0]].append(rule)
    return rules
