"""What the ledger holds at one moment, for people to look at; read again only as far as it has changed since."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import reduce
from itertools import accumulate, chain
from operator import add
from pathlib import Path

from pipeline.ledger import ledger
from pipeline.ledger.chunk import MissingChunk
from pipeline.postgres.queries import Queries
from pipeline.postgres.transaction import Row, Transaction
from pipeline.status.chunks_view import (
    DURATION_BOUNDS,
    RATE_WINDOW,
    SHORTEST_RATE_WINDOW,
    Block,
    ChunksView,
    all_blocks,
    read_blocks,
    written_blocks,
)

HISTORY_SHOWN = 100  # superseded loads, the newest

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
    sealed: Sequence[int | None] = ()  # number of loads, and the newest
    loads: Sequence[LoadView] = ()  # the current ones and the newest of the others, newest first
    blocks: Mapping[Block, ChunksView] = field(default_factory=dict)
    chunks: Mapping[int, ChunksView] = field(default_factory=dict)  # all blocks of a load together
    tables: Sequence[Row] = ()
    missing: Sequence[MissingChunk] = ()

    @property
    def rows_per_second(self) -> float:
        """Of all workers, over RATE_WINDOW; while they have worked for less, over that time."""
        begun = [chunks.recent_since for chunks in self.chunks.values() if chunks.recent_since]
        if not begun:
            return 0.0
        seconds = max((self.at - min(begun)).total_seconds(), SHORTEST_RATE_WINDOW)
        return sum(chunks.recent_rows for chunks in self.chunks.values()) / min(seconds, RATE_WINDOW)

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

    A block is summed up again if a chunk of it was written since, if it counts for the current rate, or if rows of it
    wait to be settled. A load that is complete can change too: a later chunk of another load may take a key from it. A
    rejected row comes and goes with the count in its chunk.
    """
    [(now, snapshot, started_at, sealed)] = tx.rows(SQL["moment"])
    if before.started_at != started_at:
        before = LedgerView(now)  # it may be another database
    changed = {block for block, chunks in before.blocks.items() if chunks.recent_rows or chunks.waiting_rows}
    if before.snapshot == snapshot:
        view = replace(before, at=now)
    else:
        if before.snapshot:
            changed |= written_blocks(tx, before.snapshot)
        view = LedgerView(
            at=now,
            snapshot=snapshot,
            started_at=started_at,
            sealed=sealed,
            loads=before.loads if before.sealed == sealed else _loads(tx),
            tables=tx.rows(SQL["tables"]),
            missing=ledger.missing_chunks(tx),
        )
    blocks_of = {load.load: all_blocks(load.load, load.chunks) for load in view.loads}
    shown = set(chain.from_iterable(blocks_of.values()))
    blocks = {**before.blocks, **read_blocks(tx, shown & changed | shown - before.blocks.keys())}
    return replace(
        view,
        blocks={block: blocks[block] for block in shown},
        chunks={load: reduce(add, map(blocks.__getitem__, of_load)) for load, of_load in blocks_of.items()},
    )


def _loads(tx: Transaction) -> list[LoadView]:
    return [LoadView(*row) for row in tx.rows(SQL["loads"], history=HISTORY_SHOWN)]
