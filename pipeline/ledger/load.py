"""A load, one version of a source: its plan, how far it is, and what became of its rows."""

from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import datetime

from pipeline.ledger.chunk import ChunkPlan
from pipeline.wording import counted


@dataclass(frozen=True)
class LoadPlan:
    """One version of a source's content, as the first pass over the file found it."""

    source: str
    dataset: str
    sha256: str
    columns: tuple[str, ...]  # of the header, in the order of the file
    delimiter: str
    chunks: tuple[ChunkPlan, ...]  # at least one, even without a row

    @property
    def row_count(self) -> int:
        return sum(chunk.row_count for chunk in self.chunks)


@dataclass(frozen=True)
class KnownSource:
    """A source that was loaded before, and its current load."""

    id: int
    dataset: str
    given_encoding: str | None  # as the user gave it, in any run
    load: int
    sha256: str | None  # None: the load was planned by an earlier version, and has to be planned again
    description_sha256: str | None  # None: its dataset has no description yet, since `pipeline schema` was not run
    encoding: str | None  # that its current load was read in; None: recorded before encodings were
    row_count: int
    read_from: str | None  # path of its file; None: it was not in a folder, or not recorded
    remote_version: str | None  # of its file, as the server told it; None: it was not read over a network

    def may_have(self, description_sha256: str, encoding: str) -> bool:
        """Whether a content that was read like this can be that of the current load."""
        return (
            self.sha256 is not None
            and self.description_sha256 == description_sha256
            and self.encoding in (None, encoding)
        )


@dataclass(frozen=True)
class LoadProgress:
    """How far a current load is, and what became of its rows."""

    load: int
    source: str
    dataset: str
    row_count: int
    committed_rows: int
    inserted: int
    updated: int
    unchanged: int
    rejected: int
    deleted: int
    complete: bool
    seconds: float | None = None  # from sealing to the last commit; None: nothing had to be loaded
    keeps_rows: bool = False  # that it does not list, since rows of others name them
    sealed_at: datetime | None = None  # one moment for all loads of a run; None: of several

    def __str__(self) -> str:
        """Such as: people.csv: 2 rows = 1 inserted + 0 updated + 0 unchanged + 1 rejected; 3 deleted."""
        rows = (
            counted(self.row_count, "row")
            if self.complete
            else f"{self.committed_rows:,} of {counted(self.row_count, 'row')} so far"
        )
        return (
            f"{self.source}: {rows} = {self.inserted:,} inserted + {self.updated:,} updated"
            f" + {self.unchanged:,} unchanged + {self.rejected:,} rejected; {self.deleted:,} deleted"
        )


@dataclass(frozen=True)
class Gone:
    """What became of the rows that a load does not list."""

    load: int
    removed: int
    is_kept: bool  # whether some stay


def progress_of(loads: Iterable[LoadProgress], *, without: Container[int]) -> tuple[int, int]:
    """The committed rows of loads, and all their rows; `without` the loads of these ids."""
    counted_in = [load for load in loads if load.load not in without]
    return sum(load.committed_rows for load in counted_in), sum(load.row_count for load in counted_in)


@dataclass(frozen=True)
class RejectedKind:
    """Rejected rows of all sources that have the same fault."""

    kind: str
    row_count: int
    source: str  # of the first of them, as all that follows
    line: int
    reason: str

    def __str__(self) -> str:
        """Such as: 4 x born is not a date, such as people.csv line 7: born 'x' is not a date."""
        reason = f": {self.reason}" if self.reason != self.kind else ""
        return f"{self.row_count:,} x {self.kind}, such as {self.source} line {self.line}{reason}"
