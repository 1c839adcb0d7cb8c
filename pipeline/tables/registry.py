"""The tables of datasets in a database: made, kept to their descriptions, and checked. See the table `datasets`."""

from collections.abc import Sequence
from pathlib import Path

from pipeline import remedies
from pipeline.descriptions.description import Dataset
from pipeline.descriptions.own_sql import Section
from pipeline.errors import QueryError, RefusedTablesError, SettingsError
from pipeline.postgres.database import Database
from pipeline.postgres.queries import Queries
from pipeline.postgres.schema import LOCK, TABLE_ROLES
from pipeline.postgres.transaction import Transaction
from pipeline.tables.evolution import Refusal, changes
from pipeline.tables.plan import Wanted, plan
from pipeline.tables.recorded import Known, Recorded
from pipeline.tables.table import OwnTable, Table
from pipeline.tables.tables import ColumnTypeOf, tables_of
from pipeline.wording import NAMED_AT_MOST

QUERIES = Queries(Path(__file__).with_suffix(".sql"))


def make_tables(database: Database, wanted: Wanted) -> bool:
    """Makes the tables that are missing and changes those that differ: all of it, or nothing.

    Returns False if there was nothing to do; then it has taken no lock. Safe while others do the same. Raises
    SettingsError, naming dataset, difference and remedy, if values would be lost or reinterpreted.
    """
    if not planned_statements(database, wanted):
        return False
    with database.transaction() as tx:
        tx.run(LOCK)
        plan(wanted, _known(tx), _DatabaseTables(tx))
    return True


def planned_statements(database: Database, wanted: Wanted) -> list[str]:
    """What `make_tables` would run if no row stands against it; changes nothing, and waits for no lock.

    Raises RefusedTablesError, naming them, if there is nothing to do and tables lack columns that they were made with.
    """
    with database.transaction(snapshot=True) as tx:  # others may make tables between two of its queries
        known = _known(tx)
        statements = plan(wanted, known, _DryRunTables(tx))
        if not statements and not known.is_new:
            _check_columns(tx, wanted.datasets)
        return statements


def recorded_tables(tx: Transaction) -> dict[str, Recorded]:
    """The datasets whose tables are there, by name."""
    return {
        name: Recorded(
            schema,
            table,
            tuple(map(Table.from_json, structure)),
            own_sql and own_sql["sha256"],
            tuple(OwnTable(**own) for own in own_sql["tables"]) if own_sql else (),
        )
        for name, schema, table, structure, own_sql in tx.rows(QUERIES["known_tables"])
        if structure is not None
    }


def check_tables(tx: Transaction, dataset: Dataset, column_type: ColumnTypeOf) -> None:
    """Promises that the tables of a dataset are as its description says; comments do not count.

    Raises SettingsError, naming the dataset, what is missing or differs, and the command that mends it.
    """
    recorded = recorded_tables(tx)
    own = recorded.get(dataset.name)
    if own is None:
        raise SettingsError(f"dataset '{dataset.name}' has no table yet; `pipeline schema --data DIR` makes it")
    if own.sql_sha256 != dataset.sql_sha256:
        raise SettingsError(
            f"dataset '{dataset.name}': its tables were made {_with_sql(own.sql_sha256)}, and its rows are to be loaded"
            f" {_with_sql(dataset.sql_sha256)}; correct DATASETS_DIR, or run `pipeline schema --data DIR` with this one"
        )
    homes = {name: each.home for name, each in recorded.items()}
    wanted = tables_of(dataset, own.schema, homes, column_type, partition_by_source=own.is_partitioned)
    for change in changes(own.tables, wanted):
        if not change.only_words:
            difference = change.reason if isinstance(change, Refusal) else f"it needs {change.statement}"
            raise SettingsError(
                f"dataset '{dataset.name}': its table {own.table} differs from its description: {difference};"
                " `pipeline schema --data DIR` changes it, or says why not"
            )


def _check_columns(tx: Transaction, datasets: Sequence[Dataset]) -> None:
    names = [dataset.name for dataset in datasets]
    if missing := tx.rows(QUERIES["missing_columns"], datasets=names):
        raise RefusedTablesError(
            *(
                f"dataset '{dataset}': its table {table} lacks the column {column}, with which it was made; add it"
                " again, or drop the table, which is then made again and loaded"
                for dataset, table, column in missing
            )
        )


def _with_sql(sha256: str | None) -> str:
    return f"with SQL of its own (SHA-256 {sha256[:12]}...)" if sha256 else "without SQL of its own"


class _DatabaseTables:
    """The tables of a database, while they are changed."""

    are_changed = True

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def run(self, statement: str) -> None:
        self._tx.run_verbatim(statement)

    def make_own(self, table: OwnTable, section: Section) -> None:
        try:
            self._tx.rows_of_own(section.text)
            fault = None if _is_there(self._tx, table) else f"it makes no table {table.name}"
            place = section.place()
        except QueryError as error:
            fault, place = str(error), section.place(error.position)
        if fault:
            raise SettingsError(f"{place}: {fault}; correct the file, and {remedies.current.make_tables}")

    def count(self, query: str) -> int:
        return int(self._tx.value_verbatim(query))

    def are_empty(self, tables: Sequence[Table | OwnTable]) -> bool:
        for table in tables:
            self._tx.run_verbatim(f"LOCK TABLE {table.quoted} IN ACCESS EXCLUSIVE MODE")
        return _are_empty(self._tx, tables)

    def sources(self, dataset: str) -> list[str]:
        return _sources(self._tx, dataset)


class _DryRunTables:
    """The tables of a database, for a plan that is not carried out."""

    are_changed = False

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def run(self, statement: str) -> None:
        pass

    def make_own(self, table: OwnTable, section: Section) -> None:
        pass

    def count(self, query: str) -> int:  # noqa: ARG002
        return 0  # it may ask for what is not there yet

    def are_empty(self, tables: Sequence[Table | OwnTable]) -> bool:
        return _are_empty(self._tx, tables)

    def sources(self, dataset: str) -> list[str]:
        return _sources(self._tx, dataset)


def _sources(tx: Transaction, dataset: str) -> list[str]:
    return [name for (name,) in tx.rows(QUERIES["first_sources"], dataset=dataset, limit=NAMED_AT_MOST + 1)]


def _are_empty(tx: Transaction, tables: Sequence[Table | OwnTable]) -> bool:
    present = [table for table in tables if _is_there(tx, table)]
    return not any(tx.value_verbatim(f"SELECT EXISTS (SELECT FROM {table.quoted})") for table in present)


def _is_there(tx: Transaction, table: Table | OwnTable) -> bool:
    return bool(tx.value("SELECT to_regclass(%(table)s) IS NOT NULL", table=table.quoted))


def _known(tx: Transaction) -> Known:
    schema, roles = tx.value("SELECT current_schema()"), list(TABLE_ROLES)
    if not tx.value("SELECT to_regclass('datasets') IS NOT NULL"):  # schema.sql is yet to be applied
        return Known(schema=schema, relations=frozenset(tx.rows(QUERIES["relations"])))
    return Known(
        schema=schema,
        is_new=False,
        recorded=recorded_tables(tx),
        relations=frozenset(tx.rows(QUERIES["relations"])),
        schemas=frozenset(name for (name,) in tx.rows("SELECT nspname::text FROM pg_namespace")),
        roles=tuple(role for (role,) in tx.rows(QUERIES["roles"], roles=roles)),
        without_rights=frozenset(tx.rows(QUERIES["tables_without_rights"], roles=roles)),
    )
