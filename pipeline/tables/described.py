"""The tables that a data folder's files need: what its description, or else the project's own, says."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.columns.column import column
from pipeline.datasets.supported import check_supported
from pipeline.descriptions.description import Dataset
from pipeline.descriptions.descriptor import description_digest, rules_of_rows
from pipeline.descriptions.package import OWN_PACKAGE, find_package, read_package
from pipeline.ledger import ledger
from pipeline.postgres.database import Database
from pipeline.postgres.schema import LOCK, SCHEMA, apply_schema, is_current
from pipeline.tables.plan import Wanted
from pipeline.tables.registry import make_tables, planned_statements

OWN_TABLES = frozenset({"places"})  # of the project's datasets, made by schema.sql


def wanted_tables(data: Path, table_schema: str | None = None) -> Wanted:
    """Raises InputError, naming file, place in it and remedy, if the folder's datapackage.json is wrong."""
    path = find_package(data)
    project = read_package(OWN_PACKAGE).datasets
    if path == OWN_PACKAGE:
        return Wanted(project, column, project, OWN_TABLES, table_schema)
    datasets = read_package(path).datasets
    check_supported(datasets)
    return Wanted(datasets, column, project, (), table_schema)


def bring_up_to_date(database: Database, wanted: Wanted) -> bool:
    """Applies schema.sql and makes the tables; returns False if the database had both, and nothing was done."""
    applied = apply_schema(database)
    made = make_tables(database, wanted)
    if applied or made:
        describe_earlier_loads(database, wanted.project)
    return applied or made


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
