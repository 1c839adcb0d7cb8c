"""What has become of chunks, summed up in blocks of a load: one that no chunk was written of need not be read again."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipeline.postgres.queries import Queries
from pipeline.postgres.transaction import Transaction

RATE_WINDOW = 10.0  # seconds of commits that the current rate is taken from
SHORTEST_RATE_WINDOW = 1.0  # seconds, after the first chunk was begun
BLOCK_SIZE = 64  # chunks

# Upper bounds, in seconds; the last one is the time that one attempt at a chunk may take.
DURATION_BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)

SQL = Queries(Path(__file__).with_suffix(".sql"))

Block = tuple[int, int]  # load, and number of the block in it, from 0
BrokenRule = tuple[int, int, str]  # rows that break the rule, and line and reason of the first


@dataclass(frozen=True)
class ChunksView:
    """What has become of some chunks of a load. Those are timed that were loaded for the first time."""

    worker_chunks: Counter[str]  # by the worker that committed them
    worker_rows: Counter[str]
    durations: Counter[int]  # chunks by the number of DURATION_BOUNDS that they exceed
    rules: Mapping[str, BrokenRule]  # by rule
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
    waiting_rows: int  # counted as unchanged: they wait for missing chunks of the dataset to be settled
    recent_rows: int  # committed within RATE_WINDOW
    recent_since: datetime | None  # when the first chunk of those was begun

    def __add__(self, later: "ChunksView") -> "ChunksView":
        """What has become of these chunks, and of others that come after them in the load."""
        return ChunksView(
            self.worker_chunks + later.worker_chunks,
            self.worker_rows + later.worker_rows,
            self.durations + later.durations,
            _both(self.rules, later.rules),
            self.committed_rows + later.committed_rows,
            self.inserted + later.inserted,
            self.updated + later.updated,
            self.unchanged + later.unchanged,
            self.rejected + later.rejected,
            self.deleted + later.deleted,
            self.retries + later.retries,
            self.committed_chunks + later.committed_chunks,
            _latest(self.last_commit_at, later.last_commit_at),
            self.timed_rows + later.timed_rows,
            _latest(self.timed_end, later.timed_end),
            self.seconds + later.seconds,
            self.waiting_rows + later.waiting_rows,
            self.recent_rows + later.recent_rows,
            _earliest(self.recent_since, later.recent_since),
        )


def all_blocks(load: int, chunks: int) -> list[Block]:
    """The blocks of a load of so many chunks, which are numbered from 1."""
    return [(load, block) for block in range(chunks // BLOCK_SIZE + 1)]


def written_blocks(tx: Transaction, snapshot: str) -> set[Block]:
    """The blocks of which a chunk was written since a snapshot was taken, or by a transaction under way then."""
    return {(load, block) for load, block in tx.rows(SQL["written_blocks"], snapshot=snapshot, size=BLOCK_SIZE)}


def read_blocks(tx: Transaction, blocks: Collection[Block]) -> dict[Block, ChunksView]:
    """What has become of the chunks of some blocks; a load that is not current has no rejected rows."""
    if not blocks:
        return {}
    wanted = {"loads": [load for load, _ in blocks], "blocks": [block for _, block in blocks], "size": BLOCK_SIZE}
    chunks: dict[Block, Counter[str]] = defaultdict(Counter)
    rows: dict[Block, Counter[str]] = defaultdict(Counter)
    for load, block, worker, *committed in tx.rows(SQL["workers"], **wanted):
        chunks[load, block][worker], rows[load, block][worker] = committed
    durations: dict[Block, Counter[int]] = defaultdict(Counter)
    for load, block, exceeded, count in tx.rows(SQL["durations"], bounds=list(DURATION_BOUNDS), **wanted):
        durations[load, block][exceeded] = count
    rules: dict[Block, dict[str, BrokenRule]] = defaultdict(dict)
    for load, block, rule, count, line, reason in tx.rows(SQL["rejected_rules"], **wanted):
        rules[load, block][rule] = (count, line, reason)
    counts = {(load, block): row for load, block, *row in tx.rows(SQL["chunks"], window=RATE_WINDOW, **wanted)}
    return {
        block: ChunksView(chunks[block], rows[block], durations[block], rules[block], *row)
        for block, row in counts.items()
    }


def _both(rules: Mapping[str, BrokenRule], later: Mapping[str, BrokenRule]) -> dict[str, BrokenRule]:
    both = dict(later)
    for rule, (rows, line, reason) in rules.items():
        both[rule] = (rows + later[rule][0] if rule in later else rows, line, reason)
    return both


def _latest(moment: datetime | None, other: datetime | None) -> datetime | None:
    return max(filter(None, (moment, other)), default=None)


def _earliest(moment: datetime | None, other: datetime | None) -> datetime | None:
    return min(filter(None, (moment, other)), default=None)
