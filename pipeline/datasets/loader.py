"""The rows of a dataset: on their way into its table, compared with what is there, and forgotten."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline import remedies
from pipeline.columns.column import column
from pipeline.csv_text.rows import SourceRows
from pipeline.datasets.keyed import KeyedTable
from pipeline.datasets.names import statement_names
from pipeline.datasets.outcome import Resolved, Stored
from pipeline.datasets.positional import PositionalTable
from pipeline.datasets.references import KnownKeys, Previewed
from pipeline.datasets.referrers import rows_that_refer
from pipeline.datasets.rejecting import KeyFields
from pipeline.datasets.resolving import RowResolver
from pipeline.datasets.settled import SettledTable
from pipeline.datasets.settled_names import Named
from pipeline.datasets.shared import SharedTable
from pipeline.descriptions.description import Dataset, Reference, is_settled, others_referred_to
from pipeline.descriptions.header import field_positions
from pipeline.descriptions.own_sql import OwnSql, installed_sql
from pipeline.errors import InUseError, OutOfOrderError, PipelineError, RefusedJobError, SettingsError
from pipeline.ledger import ledger
from pipeline.ledger.chunk import Claim
from pipeline.postgres.database import Transaction, quote_identifier
from pipeline.postgres.queries import Queries
from pipeline.tables.plan import Recorded
from pipeline.wording import counted

HERE = Path(__file__).parent


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
        self._names = statement_names(
            dataset, digest, table=quote_identifier(own.schema, own.table), listings=own.tables[0].quoted
        )
        self._columns = [column(field) for field in dataset.fields]
        referred_to = sorted(others_referred_to(dataset))
        self._removable = tuple(name for name in referred_to if not recorded[name].has_shared_keys)
        # What rows of the same dataset are named by is settled with them.
        others = replace(dataset, references=tuple(each for each in dataset.references if each.dataset != dataset.name))
        references = [self._known_keys(reference, recorded, previewed) for reference in others.references]
        self._resolver = RowResolver(
            others,
            self._columns,
            references,
            is_preview=previewed is not None,
            references_may_come=references_may_come,
        )
        self._made_with_sql = own.sql_sha256
        self._own_sql = installed_sql(dataset.name) if own.has_own_table else None
        named = [self._named(reference, recorded) for reference in others.references]
        self._table = self._table_of_kind(
            digest, [key.name for key in own.tables[-1].foreign_keys], self._own_sql, named
        )

    @property
    def settled_table(self) -> SettledTable | None:
        """The table, if its rows are settled together."""
        return self._table if isinstance(self._table, SettledTable) else None

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
            field_positions(self.dataset, claimed.columns, claimed.source),
            claimed.first_row,
            claimed.first_line,
        )

    def store(self, tx: Transaction, claimed: Claim, content: bytes) -> Stored:
        """Makes the table hold exactly the good rows of the claimed chunk in place of what it held of them.

        Raises OutOfOrderError while rows that it may name can be removed: whether they stay would depend on the order.
        Raises RefusedJobError if the chunk was sealed with other SQL of the dataset's own than there is here.
        """
        if not self._has_sql(self.dataset.sql_sha256):
            difference = self._differing_sql(self.dataset.sql_sha256)
            raise RefusedJobError(
                f"{claimed.source} chunk {claimed.number}: it was sealed {difference}; give the worker the same"
                f" DATASETS_DIR as the producer, start it again, then {remedies.current.produce_again}"
            )
        if self._removable and (waits_for := ledger.first_missing_of_removing(tx, self._removable)):
            raise OutOfOrderError(f"{claimed.source} chunk {claimed.number}", waits_for)
        rows = self.rows(claimed, content)
        return self._table.store(tx, claimed, self.resolve(tx, claimed, rows), rows)

    def finish(self, tx: Transaction, claimed: Claim) -> int:
        """With the last missing chunk: removes what is gone from the files; returns how many rows of this source."""
        return self._table.finish(tx, claimed)

    def settle(self, tx: Transaction) -> None:
        """After a chunk was recorded: settles the rows of all chunks, where that waits for the last of them."""
        if self.settled_table:
            self.settled_table.settle(tx)

    def resolve(self, tx: Transaction, claimed: Claim, rows: SourceRows) -> Resolved:
        """Checks the rows of a chunk by all rules that do not depend on other rows of its table."""
        return self._resolver.resolve(tx, claimed, rows)

    def compare(self, tx: Transaction, claimed: Claim, resolved: Resolved, rows: SourceRows) -> Stored:
        """What `store` would do with a chunk. Chunks of a version are to be compared in order."""
        if isinstance(self._table, SettledTable):
            raise TypeError(f"rows of {self.dataset.name} are settled together, not compared chunk by chunk")
        return self._table.compare(tx, claimed, resolved, rows)

    def prepare_preview(self, tx: Transaction) -> None:
        """Makes place for what the preview of this dataset tells the previews of others, for this transaction."""
        queries = Queries(HERE / "previewed.sql", self._names)
        tx.run(queries["prepare_keyed" if self.dataset.primary_key else "prepare_positional"])

    def loaded_rows(self, tx: Transaction, source_id: int) -> int:
        """How many rows of a source the table holds."""
        return self._table.loaded_rows(tx, source_id)

    def has_gone(self, tx: Transaction, source_id: int, load: int) -> bool:
        """Whether rows could be removed that the current load of a source does not list; kept for others until now."""
        return isinstance(self._table, KeyedTable | SettledTable) and self._table.has_gone(tx, source_id, load)

    def forget(self, tx: Transaction, source_id: int, together: Collection[int]) -> int:
        """Removes the rows of a source; returns how many. Raises InUseError, naming the sources that refer to them.

        `together` are the ids of all sources that are being forgotten. Raises SettingsError if the tables were made
        with other SQL of the dataset's own than there is here.
        """
        if not self._has_sql(self._made_with_sql):
            raise SettingsError(
                f"dataset '{self.dataset.name}': its tables were made {self._differing_sql(self._made_with_sql)};"
                " name the same DATASETS_DIR as for `pipeline schema`, or run that with this one first"
            )
        condition = self._table.is_removed_with_source
        if in_use := rows_that_refer(tx, self._names["table"], condition, source_id=source_id, together=list(together)):
            named = ", ".join(f"{counted(count, 'row')} of {source}" for source, count in in_use)
            sources = ", ".join(source for source, _ in in_use)
            raise InUseError(
                f"its {self.dataset.name} are named by {named}; forget {sources} before it or together with it"
            )
        return self._table.forget(tx, source_id)

    def end_forgetting(self, tx: Transaction) -> None:
        """Does what waited for chunks of a source that is forgotten now."""
        if isinstance(self._table, KeyedTable):
            self._table.end_forgetting(tx)

    def _has_sql(self, sha256: str | None) -> bool:
        return sha256 == (self._own_sql.sha256 if self._own_sql else None)

    def _differing_sql(self, sha256: str | None) -> str:
        """Such as: with a marriages.sql of SHA-256 1f3c5a7b9d0e..., and there is none here."""
        here = f"one of SHA-256 {self._own_sql.sha256[:12]}... is" if self._own_sql else "there is none"
        sealed = f"a {self.dataset.name}.sql of SHA-256 {sha256[:12]}..." if sha256 else "no SQL of its own"
        return f"with {sealed}, and {here} here"

    def _table_of_kind(
        self, digest: str, foreign_keys: list[str], own_sql: OwnSql | None, named: Sequence[Named]
    ) -> PositionalTable | KeyedTable | SharedTable | SettledTable:
        dataset, names = self.dataset, self._names
        if is_settled(dataset):
            return SettledTable(dataset, digest, names, self.rows, self.resolve, named)
        if not dataset.primary_key:
            return PositionalTable(names, foreign_keys)
        fields = [field.name for field in dataset.fields]
        key = KeyFields(dataset.primary_key, tuple(map(fields.index, dataset.primary_key)))
        if dataset.shared_keys:
            others = [name for name in fields if name not in dataset.primary_key]
            return SharedTable(dataset.name, names, key, others, own_sql)
        return KeyedTable(dataset.name, names, key, self.rows)

    def _named(self, reference: Reference, recorded: Mapping[str, Recorded]) -> Named:
        target = recorded[reference.dataset]
        table = quote_identifier(target.schema, target.table)
        if reference.id_column:
            return Named(reference, [quote_identifier(reference.id_column)], table, ["id"])
        column_of = {field.name: quote_identifier(field.column) for field in self.dataset.fields}
        keys = [quote_identifier(target.home.columns[key]) for key in reference.keys]
        return Named(reference, [column_of[name] for name in reference.fields], table, keys)

    def _known_keys(
        self, reference: Reference, recorded: Mapping[str, Recorded], previewed: Collection[str] | None
    ) -> KnownKeys:
        names = [field.name for field in self.dataset.fields]
        positions = [names.index(name) for name in reference.fields]
        target = recorded[reference.dataset]
        return KnownKeys(
            reference,
            positions,
            [self._columns[position].postgresql_type for position in positions],
            quote_identifier(target.schema, target.table),
            [quote_identifier(target.home.columns[key]) for key in reference.keys],
            Previewed.of(target.table) if reference.dataset in (previewed or ()) else None,
        )
