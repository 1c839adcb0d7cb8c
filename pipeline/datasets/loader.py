"""The rows of a dataset: from the text of a chunk to checked rows, and the table that holds them."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import replace

from pipeline import remedies
from pipeline.columns.column import column
from pipeline.csv_text.rows import SourceRows
from pipeline.datasets.keyed import KeyedTable
from pipeline.datasets.names import statement_names
from pipeline.datasets.outcome import Resolved
from pipeline.datasets.references import known_keys
from pipeline.datasets.resolving import RowResolver
from pipeline.datasets.settled import SettledTable
from pipeline.datasets.table_kinds import table_of
from pipeline.datasets.verbatim import VerbatimRows, takes_verbatim
from pipeline.descriptions.description import Dataset, others_referred_to
from pipeline.descriptions.header import field_positions
from pipeline.descriptions.own_sql import difference_of_sql, installed_sql
from pipeline.errors import OutOfOrderError, PipelineError, RefusedJobError
from pipeline.ledger import ledger
from pipeline.ledger.chunk import Claim
from pipeline.postgres.quoting import quote_identifier
from pipeline.postgres.transaction import Transaction
from pipeline.tables.recorded import Recorded


class DatasetLoader:
    """Loads the rows of one dataset. Belongs to one worker, or to one preview.

    A preview says what loading would do, without doing it; what the same run loads before counts as loaded.
    """

    def __init__(
        self,
        dataset: Dataset,
        digest: str,
        recorded: Mapping[str, Recorded],
        *,
        previewed: Collection[str] | None = None,
        references_may_come: bool = False,
    ) -> None:
        """`digest` is that of the dataset's description; `recorded` holds the tables of all datasets, by name.

        `previewed`, in a preview, are the datasets of which it keeps what the run would have loaded by then. With
        `references_may_come` it takes unknown references for good: others are loading what they name.
        """
        self.dataset = dataset
        own = recorded[dataset.name]
        self.names = statement_names(
            dataset, digest, table=quote_identifier(own.schema, own.table), listings=own.tables[0].quoted
        )
        self._columns = [column(field) for field in dataset.fields]
        referred_to = sorted(others_referred_to(dataset))
        self._removable = tuple(name for name in referred_to if not recorded[name].has_shared_keys)
        # What rows of the same dataset are named by is settled with them.
        others = replace(dataset, references=tuple(each for each in dataset.references if each.dataset != dataset.name))
        references = [
            known_keys(
                dataset, self._columns, reference, recorded[reference.dataset], reference.dataset in (previewed or ())
            )
            for reference in others.references
        ]
        self._resolver = RowResolver(
            others,
            self._columns,
            references,
            is_preview=previewed is not None,
            references_may_come=references_may_come,
        )
        self._verbatim = VerbatimRows(dataset, self._columns, self.names["table"]) if takes_verbatim(dataset) else None
        self.made_with_sql = own.sql_sha256  # its tables
        self.own_sql = installed_sql(dataset.name) if own.has_own_table else None
        self.table = table_of(dataset, digest, self.names, recorded, self.own_sql, self.rows, self.resolve)

    def rows(self, claimed: Claim, content: bytes) -> SourceRows:
        """The rows of a chunk; raises PipelineError if the content is not the one that the producer sealed."""
        if hashlib.sha256(content).hexdigest() != claimed.sha256:
            raise PipelineError(
                f"{claimed.source} chunk {claimed.number}: the job does not hold the text that the ledger knows"
            )
        return SourceRows(
            content,
            replace(self.dataset.dialect, delimiter=claimed.delimiter),
            len(claimed.columns),
            [field.name for field in self.dataset.fields],
            field_positions(self.dataset, claimed.columns, claimed.source),
            claimed.first_row,
            claimed.first_line,
        )

    def check_may_load(self, tx: Transaction, claimed: Claim) -> None:
        """Raises OutOfOrderError while rows that it may name can be removed: the outcome would depend on the order.

        Raises RefusedJobError if the chunk was sealed with other SQL of the dataset's own than there is here.
        """
        if difference := difference_of_sql(self.dataset, self.dataset.sql_sha256, self.own_sql):
            raise RefusedJobError(
                f"{claimed.source} chunk {claimed.number}: it was sealed {difference}; give the worker the same"
                f" DATASETS_DIR as the producer, start it again, then {remedies.current.produce_again}"
            )
        if self._removable and (waits_for := ledger.first_missing_of_removing(tx, self._removable)):
            raise OutOfOrderError(f"{claimed.source} chunk {claimed.number}", waits_for)

    def settle(self, tx: Transaction) -> None:
        """After a chunk was recorded: settles the rows of all chunks, where that waits for the last of them."""
        if isinstance(self.table, SettledTable):
            self.table.settle(tx)

    def resolve(self, tx: Transaction, claimed: Claim, rows: SourceRows, *, verbatim: bool = False) -> Resolved:
        """Checks the rows of a chunk by all rules that do not depend on other rows of its table.

        With `verbatim`, PostgreSQL checks what it can, which is many times as fast: storing the rows raises
        RefusedRowError if it finds a bad one. Not for a preview, which has no table with these rules.
        """
        lines = self._verbatim.lines(tx, claimed, rows.content) if verbatim and self._verbatim else None
        return Resolved(verbatim=lines) if lines else self._resolver.resolve(tx, claimed, rows)

    def has_removable_rows(self, tx: Transaction, source_id: int, load: int) -> bool:
        """Whether rows could be removed that the current load of a source does not list; kept for others until now."""
        return isinstance(self.table, KeyedTable | SettledTable) and self.table.has_removable_rows(tx, source_id, load)
