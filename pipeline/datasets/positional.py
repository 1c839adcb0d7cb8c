"""Rows that are known by their position: each chunk replaces its range of row numbers."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.csv_text.rows import SourceRows
from pipeline.datasets.outcome import Resolved, Stored
from pipeline.ledger.chunk import Claim
from pipeline.postgres.queries import Queries
from pipeline.postgres.quoting import quote_identifier
from pipeline.postgres.transaction import Transaction

SQL = Path(__file__).with_suffix(".sql")


class PositionalTable:
    """The table of a dataset without a primary key. Its rows lie under (source_id, row_number)."""

    def __init__(
        self, dataset: str, names: dict[str, str], foreign_keys: Sequence[str], *, is_partitioned: bool
    ) -> None:
        """`names` are those that positional.sql needs, quoted; `foreign_keys` are the names of the dataset's."""
        self._dataset = dataset
        self._names = names
        self._is_partitioned = is_partitioned
        self._foreign_keys = list(foreign_keys)
        self._columns = ("source_id", "row_number", names["columns"])
        self._queries = Queries(SQL, names)
        self.is_removed_with_source = "referred.source_id = %(source_id)s"

    def store(self, tx: Transaction, claimed: Claim, resolved: Resolved, rows: SourceRows) -> Stored:  # noqa: ARG002
        """Copies the rows straight into the table where the chunk's range is still empty, else upserts them."""
        if not tx.value(self._queries["rows_exist"], **_span(claimed)):
            self._copy(tx, claimed, resolved)
            return Stored(len(resolved.copied), updated=0, unchanged=0, deleted=0, rejected=resolved.rejected)
        return self._merge(tx, claimed, resolved, self._merging(tx))

    def finish(self, tx: Transaction, claimed: Claim) -> int:  # noqa: ARG002
        """Nothing is left to remove: the last chunk owns all rows after it."""
        return 0

    def compare(self, tx: Transaction, claimed: Claim, resolved: Resolved, rows: SourceRows) -> Stored:  # noqa: ARG002
        """What `store` would do."""
        stored = self._merge(tx, claimed, resolved, self._queries["compare"])
        tx.run(self._queries["enter_previewed"], source=claimed.source)
        return stored

    def loaded_rows(self, tx: Transaction, source_id: int) -> int:
        """How many rows of a source the table holds."""
        return int(tx.value(self._queries["loaded_rows"], source_id=source_id))

    def forget(self, tx: Transaction, source_id: int) -> int:
        """Removes the rows of a source; returns how many. Those of a partition go with the entry in `sources`."""
        if self._is_partitioned:
            return self.loaded_rows(tx, source_id)
        return int(tx.value(self._queries["forget"], source_id=source_id))

    def _merge(self, tx: Transaction, claimed: Claim, resolved: Resolved, statement: str) -> Stored:
        tx.run(self._queries["empty_incoming"])
        tx.copy(self._names["incoming"], self._columns, resolved.copied)
        [(inserted, updated, deleted)] = tx.rows(statement, **_span(claimed))
        return Stored(inserted, updated, len(resolved.copied) - inserted - updated, deleted, resolved.rejected)

    def _merging(self, tx: Transaction) -> str:
        """The statement; of a row that another one replaces, it empties the columns that no file fills any more."""
        retired = tx.rows(self._queries["retired_columns"], dataset=self._dataset)
        emptied = "".join(f", {quote_identifier(name)} = NULL" for (name,) in retired)
        return Queries(SQL, {**self._names, "and_retired": emptied})["merge"]

    def _copy(self, tx: Transaction, claimed: Claim, resolved: Resolved) -> None:
        """Into the table itself; the rows that it refers to are held, so its keys need no check for each row."""
        if self._foreign_keys:
            tx.run(self._queries["switch_triggers_off"], keys=self._foreign_keys, source_id=claimed.source_id)
        tx.copy(self._names["table"], self._columns, resolved.copied)
        if self._foreign_keys:
            tx.run(self._queries["switch_triggers_on"])


def _span(claimed: Claim) -> dict[str, int | None]:
    return {"source_id": claimed.source_id, "first_row": claimed.first_row, "last_row": claimed.last_row}
