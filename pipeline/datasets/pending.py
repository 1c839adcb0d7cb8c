"""Sources with chunks whose rows are to be settled together, and what becomes of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.ledger.chunk import KeptChunk


@dataclass(frozen=True)
class Pending:
    """A source with chunks whose rows are to be settled."""

    source_id: int
    load: int
    row_count: int  # of the file
    first_rows: list[int]  # of those chunks, in order

    @classmethod
    def of(cls, chunks: Sequence[KeptChunk]) -> "Pending":
        """`chunks` are those of one source."""
        first = chunks[0]
        return cls(first.source_id, first.load, first.row_count_of_load, [chunk.first_row for chunk in chunks])


@dataclass(frozen=True)
class Settled:
    """What becomes, or would become, of the rows of pending chunks."""

    # By source and position of the chunk: inserted, updated, unchanged.
    counts: dict[tuple[int, int], tuple[int, int, int]]
    # By source: rows that go, and rows that are kept though the file lists them no more.
    gone: dict[int, tuple[int, int]]

    @property
    def changes_rows(self) -> bool:
        return any(gone for gone, _ in self.gone.values()) or any(
            inserted or updated for inserted, updated, _ in self.counts.values()
        )
