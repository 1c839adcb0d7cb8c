"""What becomes of the rows of a chunk."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.csv_text.rows import Fault, SourceRow
from pipeline.postgres.copy_format import CsvLines


@dataclass(frozen=True)
class Rejected:
    """A row that breaks rules of its dataset, and all of those rules."""

    row: SourceRow
    faults: tuple[Fault, ...]


@dataclass
class Resolved:
    """The rows of a chunk, checked, with what the good ones refer to looked up."""

    lines: list[str] = field(default_factory=list)  # good rows as COPY takes them, without line ends
    rejected: list[Rejected] = field(default_factory=list)
    verbatim: CsvLines | None = None  # the good rows instead, as they stand in the file

    @property
    def copied(self) -> list[str] | CsvLines:
        return self.verbatim or self.lines


@dataclass(frozen=True)
class Stored:
    """What became of the rows of a chunk, or would."""

    inserted: int
    updated: int
    unchanged: int
    deleted: int
    rejected: Sequence[Rejected]
