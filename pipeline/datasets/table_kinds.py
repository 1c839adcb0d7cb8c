"""The kinds of tables: which one holds the rows of a dataset, by what its description says of keys."""

from collections.abc import Callable, Mapping

from pipeline.csv_text.rows import SourceRows
from pipeline.datasets.keyed import KeyedTable
from pipeline.datasets.outcome import Resolved
from pipeline.datasets.positional import PositionalTable
from pipeline.datasets.rejecting import KeyFields
from pipeline.datasets.settled import SettledTable
from pipeline.datasets.settled_names import Named
from pipeline.datasets.shared import SharedTable
from pipeline.descriptions.description import Dataset, Reference, is_settled
from pipeline.descriptions.own_sql import OwnSql
from pipeline.ledger.chunk import Claim
from pipeline.postgres.quoting import quote_identifier
from pipeline.postgres.transaction import Transaction
from pipeline.tables.recorded import Recorded

DatasetTable = PositionalTable | KeyedTable | SharedTable | SettledTable
RowsOf = Callable[[Claim, bytes], SourceRows]
Resolve = Callable[[Transaction, Claim, SourceRows], Resolved]


def table_of(
    dataset: Dataset,
    digest: str,
    names: dict[str, str],
    recorded: Mapping[str, Recorded],
    own_sql: OwnSql | None,
    rows: RowsOf,
    resolve: Resolve,
) -> DatasetTable:
    """The table of a dataset; `names` are those of `statement_names`, `recorded` the tables of all datasets.

    `rows` reads the text of a chunk, and `resolve` checks its rows.
    """
    if is_settled(dataset):
        others = [reference for reference in dataset.references if reference.dataset != dataset.name]
        named = [_named(dataset, reference, recorded) for reference in others]
        return SettledTable(dataset, digest, names, rows, resolve, named)
    if not dataset.primary_key:
        own = recorded[dataset.name].tables[-1]
        return PositionalTable(
            dataset.name, names, [key.name for key in own.foreign_keys], is_partitioned=own.is_partitioned
        )
    fields = [field.name for field in dataset.fields]
    key = KeyFields(dataset.primary_key, tuple(map(fields.index, dataset.primary_key)))
    if dataset.shared_keys:
        others_than_key = [name for name in fields if name not in dataset.primary_key]
        return SharedTable(dataset.name, names, key, others_than_key, own_sql)
    return KeyedTable(dataset.name, names, key, rows)


def _named(dataset: Dataset, reference: Reference, recorded: Mapping[str, Recorded]) -> Named:
    target = recorded[reference.dataset]
    table = quote_identifier(target.schema, target.table)
    if reference.id_column:
        return Named(reference, [quote_identifier(reference.id_column)], table, ["id"])
    column_of = {field.name: quote_identifier(field.column) for field in dataset.fields}
    keys = [quote_identifier(target.home.columns[key]) for key in reference.keys]
    return Named(reference, [column_of[name] for name in reference.fields], table, keys)
