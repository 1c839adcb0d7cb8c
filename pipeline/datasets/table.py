"""A dataset in the database: how its rows get there, are compared with what is there, and are forgotten."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline import ledger
from pipeline.database import Transaction, quoted
from pipeline.datasets.columns import Column, column
from pipeline.datasets.description import Dataset
from pipeline.datasets.header import header_positions
from pipeline.datasets.keyed import KeyedTable
from pipeline.datasets.names import previewed_name, statement_names
from pipeline.datasets.outcome import Resolved, Stored
from pipeline.datasets.positional import PositionalTable
from pipeline.datasets.references import KnownKeys
from pipeline.datasets.resolving import RowResolver
from pipeline.datasets.shared import SharedTable
from pipeline.errors import InUseError, PipelineError
from pipeline.ledger import Claim
from pipeline.queries import Queries
from pipeline.rows import SourceRows

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Place:
    """Where the tables of a dataset are; all names are quoted."""

    table: str
    listings: str  # of each source, for a dataset with shared keys


class DatasetTable:
    """The rows of one dataset, on their way into its table. Belongs to one worker, or to one preview.

    A preview says what loading would do, without doing it; what the same run loads before counts as loaded.
    """

    def __init__(
        self,
        dataset: Dataset,
        digest: str,
        places: Mapping[str, Place],
        *,
        is_preview: bool = False,
        references_may_come: bool = False,
    ) -> None:
        """`places` are those of the dataset and of all that it refers to, by name.

        With `references_may_come` a preview takes unknown references for good: others are loading what they name.
        """
        self.dataset = dataset
        self._columns = [column(field) for field in dataset.fields]
        self._names = statement_names(dataset, digest, places[dataset.name].table, places[dataset.name].listings)
        references = _known_keys(dataset, self._columns, places, is_preview=is_preview)
        self._resolver = RowResolver(
            dataset, self._columns, references, is_preview=is_preview, references_may_come=references_may_come
        )
        self._store = self._kind()

    def rows(self, claimed: Claim, content: bytes) -> SourceRows:
        """The rows of a chunk; raises PipelineError if the content is not the one that the producer sealed."""
        if hashlib.sha256(content).hexdigest() != claimed.sha256:
            raise PipelineError(
                f"{claimed.source} chunk {claimed.number}: the job does not hold the text that the ledger knows"
            )
        return SourceRows(
            content.decode("utf-8", "surrogateescape"),
            replace(self.dataset.dialect, delimiter=claimed.delimiter),
            len(claimed.columns),
            [field.name for field in self.dataset.fields],
            header_positions(self.dataset, claimed.columns),
            claimed.first_row,
            claimed.first_line,
        )

    def resolve(self, tx: Transaction, claimed: Claim, rows: SourceRows) -> Resolved:
        """Checks the rows of a chunk by all rules."""
        return self._resolver.resolve(tx, claimed, rows)

    def store(self, tx: Transaction, claimed: Claim, content: bytes) -> Stored:
        """Makes the table hold exactly the good rows of the claimed chunk in place of what it held of them."""
        rows = self.rows(claimed, content)
        return self._store.store(tx, claimed, self.resolve(tx, claimed, rows), rows)

    def compare(self, tx: Transaction, claimed: Claim, resolved: Resolved, rows: SourceRows) -> Stored:
        """What `store` would do with a chunk. Chunks of a version are to be compared in order."""
        return self._store.compare(tx, claimed, resolved, rows)

    def prepare_preview(self, tx: Transaction) -> None:
        """Makes place for what the preview of this dataset tells the previews of others, for this transaction."""
        queries = Queries(HERE / "previewed.sql", **self._names)
        tx.run(queries["prepare_keyed" if self.dataset.primary_key else "prepare_positional"])

    def loaded_rows(self, tx: Transaction, source_id: int) -> int:
        """How many rows of a source the table holds."""
        return self._store.loaded_rows(tx, source_id)

    def forget(self, tx: Transaction, source_id: int) -> int:
        """Removes the rows of a source from the table; returns how many. Raises InUseError if others refer to them."""
        return self._store.forget(tx, source_id)

    def _kind(self) -> PositionalTable | KeyedTable | SharedTable:
        dataset, names = self.dataset, self._names
        if not dataset.primary_key:
            return PositionalTable(dataset, names)
        if dataset.shared_keys:
            return SharedTable(dataset, names)
        return KeyedTable(dataset, names, self.rows)
