"""A chunk: as the first pass planned it, as the queue and the worker have it, and what became of its rows."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ChunkPlan:
    """One chunk of a scanned file: its position, and the fingerprint of its bytes."""

    number: int  # from 1
    first_row: int  # row number, from 1
    row_count: int
    first_line: int  # physical line, the header begins on 1
    byte_offset: int
    byte_count: int
    sha256: str
    line_count: int | None = None  # up to the last row; None: planned by an earlier version

    def line_of(self, row_number: int) -> int | None:
        """The line that one of its rows begins on; None where not each line is a row, so that the text alone tells."""
        return self.first_line + row_number - self.first_row if self.line_count == self.row_count else None


@dataclass(frozen=True)
class MissingChunk:
    """A chunk of a current load that is not committed yet."""

    load: int
    source: str
    reopened: int  # how often it was made missing again
    plan: ChunkPlan

    @property
    def key(self) -> str:
        """What the id of a job calls the chunk, in letters, digits and hyphens. Another content has another key.

        So has a chunk that was reopened: the job that committed it before may not be off the queue yet.
        """
        key = f"load-{self.load}-chunk-{self.plan.number}-{self.plan.sha256[:12]}"
        return f"{key}-{self.reopened}" if self.reopened else key

    def __str__(self) -> str:
        first, count = self.plan.first_row, self.plan.row_count
        rows = f"rows {first} to {first + count - 1}" if count else "no rows"
        return f"{self.source} chunk {self.plan.number} ({rows})"


@dataclass(frozen=True)
class Claim:
    """A chunk that this transaction alone may load; everything about it but its text."""

    source: str
    dataset: str
    columns: tuple[str, ...]
    delimiter: str
    load: int
    number: int
    source_id: int
    first_row: int
    last_row: int | None  # None in the last chunk of a load: all rows from first_row on are its own
    first_line: int
    row_count: int
    sha256: str
    description_sha256: str  # of the dataset's description


@dataclass(frozen=True)
class KeptChunk:
    """A committed chunk whose rows are kept aside until all of its dataset are settled."""

    load: int
    number: int
    source_id: int
    first_row: int
    row_count_of_load: int
    may_reject_fewer: bool  # rows that its rejected ones may name were loaded after it


@dataclass(frozen=True)
class Counts:
    """What became of the rows of a chunk: rows read = inserted + updated + unchanged + rejected."""

    inserted: int
    updated: int
    unchanged: int
    rejected: int
    deleted: int  # rows of an earlier version that are gone; not among the rows read


@dataclass(frozen=True)
class Missing:
    """Whether chunks are missing besides one that is claimed."""

    of_load: bool
    of_dataset: bool
