"""How fast rows were loaded, from the commit times of the ledger."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipeline.postgres.queries import Queries
from pipeline.postgres.transaction import Transaction

INTERVALS = 40  # at most
SHORTEST = 0.1  # seconds of an interval
PAUSE = 60.0  # seconds without a chunk that end a run of loading

SQL = Queries(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True)
class Interval:
    """A part of a run of loading."""

    began_at: datetime
    seconds: float
    rows: float  # committed; a chunk counts in part where it was under way in several intervals

    @property
    def rows_per_second(self) -> float:
        return self.rows / self.seconds


def throughput(tx: Transaction) -> list[Interval]:
    """The last run of loading in equal intervals, in order; none if no worker has loaded a chunk."""
    found = tx.rows(SQL["throughput"], intervals=INTERVALS, shortest=SHORTEST, pause=PAUSE)
    return [Interval(*row) for row in found]
