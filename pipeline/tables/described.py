"""The tables that a data folder's files need: what its description, or else the project's own, says."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.columns.column import column
from pipeline.datasets.supported import check_supported
from pipeline.descriptions.description import Dataset
from pipeline.descriptions.descriptor import description_digest, rules_of_rows
from pipeline.descriptions.own_sql import installed_sql, read_package_of, with_own_sql
from pipeline.descriptions.package import OWN_PACKAGE, read_package
from pipeline.errors import SettingsError
from pipeline.ledger import ledger
from pipeline.postgres.database import Database
from pipeline.postgres.schema import LOCK, SCHEMA, apply_schema, is_current
from pipeline.tables.plan import Wanted
from pipeline.tables.registry import check_tables, make_tables, planned_statements, recorded_tables


def wanted_tables(data: Path, table_schema: str | None = None, *, partition_by_source: bool = False) -> Wanted:
    """Raises InputError, naming file, place in it and remedy, if the folder's datapackage.json is wrong.

    Raises SettingsError if a dataset is not supported, or cannot have the SQL that there is for it.
    """
    project = with_own_sql(read_package(OWN_PACKAGE).datasets)
    datasets = read_package_of(data).datasets
    check_supported(datasets)
    own_tables = {each.name: sql.tables for each in datasets if each.sql_sha256 and (sql := installed_sql(each.name))}
    return Wanted(datasets, column, project, own_tables, table_schema, partition_by_source)


def bring_up_to_date(database: Database, wanted: Wanted) -> bool:
    """Applies schema.sql and makes the tables; returns False if the database had both, and nothing was done."""
    applied = apply_schema(database)
    made = make_tables(database, wanted)
    if applied or made:
        describe_earlier_loads(database, wanted.project)
    return applied or made


def only_adds_tables(database: Database, wanted: Wanted) -> bool:
    """Whether `bring_up_to_date` would leave the tables that datasets have as they are."""
    with database.transaction(snapshot=True) as tx:
        if not tx.value("SELECT to_regclass('datasets') IS NOT NULL"):
            return True
        made = recorded_tables(tx)
        try:
            for dataset in wanted.datasets:
                if dataset.name in made:
                    check_tables(tx, dataset, wanted.column_type)
        except SettingsError:
            return False
        return True


def describe_earlier_loads(database: Database, project: Sequence[Dataset]) -> None:
    """Records the project's descriptions with loads from before descriptions were recorded: it was their rules."""
    with database.transaction() as tx:
        for dataset in project:
            ledger.describe_earlier_loads(tx, dataset.name, description_digest(dataset), rules_of_rows(dataset))


def script(database: Database, wanted: Wanted) -> str:
    """What `bring_up_to_date` would run, for psql; empty if it would do nothing."""
    database.connect()
    parts = [] if is_current(database) else [SCHEMA.read_text(encoding="utf-8")]
    if statements := planned_statements(database, wanted):
        parts.append(";\n\n".join(("BEGIN", LOCK, *statements, "COMMIT;")))
    return "\n".join(parts)
