"""Where rows stand in their files, as the plans of their chunks tell."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence

from pipeline.ledger import ledger
from pipeline.ledger.chunk import ChunkPlan
from pipeline.postgres.transaction import Transaction


class RowPlaces:
    """The places of rows of current loads. Belongs to one transaction."""

    def __init__(self, tx: Transaction, planned: Mapping[int, Sequence[ChunkPlan]]) -> None:
        """`planned` holds the chunks of sources whose loads are not sealed yet, by the ids of the sources."""
        self._tx = tx
        self._chunks = dict(planned)

    def of(self, source_id: int, row_number: int) -> str:
        """As `place`."""
        if source_id not in self._chunks:
            self._chunks[source_id] = ledger.current_chunks(self._tx, source_id)
        return place(self._chunks[source_id], row_number)


def place(chunks: Sequence[ChunkPlan], row_number: int) -> str:
    """Such as: line 2; or, in a chunk where not each line is a row: row 1. `chunks` are all of the load, in order."""
    position = bisect_right(chunks, row_number, key=lambda chunk: chunk.first_row)
    line = chunks[position - 1].line_of(row_number)
    return f"row {row_number}" if line is None else f"line {line}"
