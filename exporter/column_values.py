"""The values in the columns of a dataset: how many there are, the least, the greatest and the commonest."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import QueryError, TransientError
from pipeline.postgres.database import Database
from pipeline.postgres.queries import Queries
from pipeline.postgres.quoting import quote_identifier
from pipeline.postgres.transaction import Transaction
from pipeline.status.shown import LoadStatus
from pipeline.tables.registry import recorded_tables
from pipeline.tables.table import Column, Table, listed

TABLES = 12  # that are looked into, those with most rows
COLUMNS = 40  # of a table, the first ones
PAGES = 256  # of a table that is read whole, 2 MiB as a rule; of a larger one, about as many are read
TIMEOUT = 2_000  # milliseconds for a table
LENGTH = 100  # characters of a value
# Types with an order of their own; values of others are compared as text.
ORDERED_TYPES = frozenset(
    {"bigint", "date", "integer", "interval", "numeric", "time", "timestamp", "timestamp with time zone"}
)

SQL = Path(__file__).with_suffix(".sql")


@dataclass(frozen=True)
class ColumnValues:
    """The values of one column. Texts are as PostgreSQL writes them, cut after LENGTH characters."""

    name: str
    filled: int  # values that are not NULL
    distinct: int
    least: str | None  # None: no value is filled
    greatest: str | None
    commonest: str | None
    times: int  # that the commonest value stands there


@dataclass(frozen=True)
class DatasetValues:
    """The columns of a dataset's table."""

    dataset: str
    rows: int  # of the table if it was read whole, else good ones of the current loads
    rows_seen: int
    columns: Sequence[ColumnValues]  # the first ones
    column_count: int
    is_sample: bool
    error: str | None = None  # why they are not known, such as that it took too long


def tables_with_rows(tx: Transaction, loads: Iterable[LoadStatus]) -> list[tuple[str, Table, int]]:
    """Datasets with rows, most rows first: name, table, and number of good rows of the current loads."""
    rows: Counter[str] = Counter()
    for load in loads:
        rows[load.dataset] += load.rows - load.rejected
    recorded = recorded_tables(tx)
    ranked = sorted(rows.items(), key=lambda each: (-each[1], each[0]))
    return [(name, recorded[name].tables[-1], count) for name, count in ranked if count and name in recorded]


def column_values(database: Database, snapshot: str, dataset: str, table: Table, rows: int) -> DatasetValues:
    """Reads a table, or a sample of it, for TIMEOUT at most.

    `rows` is the number of good rows of its files. The table has more of them if it keeps dropped rows that others
    refer to.
    """
    columns = [column for column in table.columns if column.fields and not _is_id(table, column)]
    shown = columns[:COLUMNS]
    try:
        with database.transaction(snapshot=snapshot) as tx:
            tx.run(f"SET LOCAL statement_timeout = {TIMEOUT}")
            pages = tx.value(Queries(SQL)["pages"], table=table.quoted)
            is_sample = pages > PAGES
            query = _query(table, shown, 100 * PAGES / pages if is_sample else None)
            found = sorted(tx.stream(query, "", "")) if shown else []
    except (QueryError, TransientError) as error:
        return DatasetValues(dataset, rows, 0, [], len(columns), is_sample=False, error=str(error))
    values = [ColumnValues(shown[number].name, *row) for number, _, *row in found]
    seen = found[0][1] if found else 0
    return DatasetValues(dataset, seen if found and not is_sample else rows, seen, values, len(columns), is_sample)


def _is_id(table: Table, column: Column) -> bool:
    """Whether a column holds the id of a row in place of the fields that name it, which says nothing to people."""
    keys = (key.keys for key in table.foreign_keys if key.columns == (column.name,))
    return column.type == "integer" and ("id",) in keys


def _query(table: Table, columns: Sequence[Column], percent: float | None) -> str:
    parts = []
    for number, column in enumerate(columns):
        name = quote_identifier(column.name)
        value = name if column.type in ORDERED_TYPES else f'{name}::text COLLATE "C"'
        names = {"number": str(number), "column": name, "value": value, "length": str(LENGTH)}
        parts.append(Queries(SQL, names)["values_of_column"])
    whole = {
        "columns": listed(tuple(column.name for column in columns)),
        "table": table.quoted,
        "sample": Queries(SQL, {"percent": f"{percent:.6f}"})["sample"] if percent else "",
        "values_of_columns": "UNION ALL\n".join(parts),
    }
    return Queries(SQL, whole)["values_of_table"]
