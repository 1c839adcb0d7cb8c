"""The plan of `pipeline schema`: which statements give datasets their tables, and record what was made."""

import json
import logging
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Protocol

from pipeline import remedies
from pipeline.descriptions.description import Dataset
from pipeline.descriptions.own_sql import Section, difference_of_sql, installed_sql
from pipeline.errors import RefusedTablesError, SettingsError
from pipeline.postgres.queries import Queries
from pipeline.postgres.quoting import quote_identifier, quote_literal
from pipeline.postgres.sql_text import unterminated
from pipeline.tables import ddl, partitions
from pipeline.tables.evolution import Change, Refusal, changes, with_retired
from pipeline.tables.recorded import Known, Recorded
from pipeline.tables.table import OwnTable, Table
from pipeline.tables.tables import ColumnTypeOf, Home, columns_by_field, tables_of
from pipeline.wording import NAMED_AT_MOST, counted, listed

SQL = Path(__file__).with_suffix(".sql")
MADE_BY_SCHEMA_SQL = frozenset({"places", "people"})  # datasets of the project's own description

logger = logging.getLogger(__name__)


class Tables(Protocol):
    """The tables that are there, for a plan to be carried out while it is made."""

    are_changed: bool  # False: `run` runs nothing, so that planning can go on after a refusal

    def run(self, statement: str) -> None: ...

    def make_own(self, table: OwnTable, section: Section) -> None: ...

    def count(self, query: str) -> int: ...

    def are_empty(self, tables: Sequence[Table | OwnTable]) -> bool:
        """If so, they stay so until the plan is carried out."""

    def sources(self, dataset: str) -> list[str]:
        """The first sources of a dataset, by name: one more than a message names."""


@dataclass(frozen=True)
class Wanted:
    """What the tables are to be made from."""

    datasets: Sequence[Dataset]  # those referred to first
    column_type: ColumnTypeOf
    project: Sequence[Dataset] = ()  # of the project's own description, of which schema.sql makes some
    own_tables: Mapping[str, Mapping[str, Section]] = field(
        default_factory=dict
    )  # what makes them, by dataset and name
    # For the tables, but not for those that schema.sql or SQL of a dataset's own makes where the pipeline's are.
    table_schema: str | None = None  # None: where they are, or else where the pipeline's are
    partition_by_source: bool = False  # False: tables that are partitioned stay so


def plan(wanted: Wanted, known: Known, tables: Tables) -> list[str]:
    """The statements for all datasets, in their order. Each is run as it is planned: later ones depend on it.

    Raises SettingsError, naming dataset, difference and remedy, if a change is refused; then all is to be undone. Where
    nothing is changed yet, it names all datasets that are refused.
    """
    return _Planner(wanted, known, tables).plan()


class _Planner:
    """One plan in the making; `_recorded` is what is true once the statements so far are run."""

    def __init__(self, wanted: Wanted, known: Known, tables: Tables) -> None:
        self._wanted = wanted
        self._known = known
        self._present = tables
        self._recorded = dict(known.recorded)
        self._relations = set(known.relations)
        self._schemas = {known.schema, *known.schemas}
        self._statements: list[str] = []

    def plan(self) -> list[str]:
        refused: list[str] = []
        for dataset in self._wanted.datasets:
            try:
                self._plan_dataset(dataset)
            except RefusedTablesError as error:
                if self._present.are_changed:  # others may depend on what is not changed now
                    raise
                refused += error.lines
        if refused:
            raise RefusedTablesError(*refused)
        for name, recorded in self._recorded.items():
            if recorded != self._known.recorded.get(name):
                self._run(self._record(name, recorded))
        return self._statements

    def _plan_dataset(self, dataset: Dataset) -> None:
        recorded = self._recorded.get(dataset.name) or self._adopted(dataset.name)
        schema = self._wanted.table_schema or (recorded.schema if recorded else self._known.schema)
        if dataset.sql_sha256 or (dataset.name in MADE_BY_SCHEMA_SQL and dataset in self._wanted.project):
            schema = self._known.schema
        tables = self._tables(dataset, schema, recorded)
        if recorded is None:
            self._create(dataset, tables)
            self._forget_lost(dataset, tables)
        else:
            tables = self._evolve(dataset, recorded, tables)
        own_tables = self._make_own_tables(dataset, self._recorded.get(dataset.name))
        self._recorded[dataset.name] = Recorded(schema, dataset.table, tables, dataset.sql_sha256, own_tables)

    def _tables(self, dataset: Dataset, schema: str, recorded: Recorded | None) -> tuple[Table, ...]:
        homes = {name: record.home for name, record in self._recorded.items()}
        by_source = self._wanted.partition_by_source or (recorded is not None and recorded.is_partitioned)
        return tables_of(dataset, schema, homes, self._wanted.column_type, partition_by_source=by_source)

    def _adopted(self, name: str) -> Recorded | None:
        """The dataset as schema.sql makes its table, which the description is compared with from now on."""
        if name not in MADE_BY_SCHEMA_SQL:
            return None
        schema = self._known.schema
        [dataset] = [each for each in self._wanted.project if each.name == name]
        homes = {each.name: Home(schema, each.table, columns_by_field(each)) for each in self._wanted.project}
        tables = tables_of(dataset, schema, homes, self._wanted.column_type)
        if not self._known.is_new and any((schema, table.name) not in self._known.relations for table in tables):
            return None
        for table in tables:
            self._run(*ddl.comments(table), *ddl.rights(table, self._known.roles))
        return Recorded(schema, dataset.table, tables)

    def _create(self, dataset: Dataset, tables: Sequence[Table]) -> None:
        for table in tables:
            if (table.schema, table.name) in self._relations:
                raise _clash(dataset, table, 'write another name into "pipeline:table" of the resource')
            self._relations.add((table.schema, table.name))
            if table.schema not in self._schemas:
                self._schemas.add(table.schema)
                self._run(f"CREATE SCHEMA {quote_identifier(table.schema)}")
            self._run(*ddl.creation(table))
            if table.is_partitioned:
                self._run(*partitions.creation(table, dataset.name, self._known.schema))
        self._grant(tables)

    def _forget_lost(self, dataset: Dataset, tables: Sequence[Table]) -> None:
        """Has the files of a dataset loaded again after its table was dropped."""
        sources = [] if self._known.is_new else self._present.sources(dataset.name)
        if not sources:
            return
        names = {"schema": quote_identifier(self._known.schema), "dataset": quote_literal(dataset.name)}
        self._run(unterminated(Queries(SQL, names)["forget_loads"]))
        if self._present.are_changed:
            logger.warning(
                "table %s was dropped; it is made again, and the next run loads its files again: %s",
                tables[-1].name,
                listed(sources),
            )

    def _make_own_tables(self, dataset: Dataset, recorded: Recorded | None) -> tuple[OwnTable, ...]:
        """Runs what makes the tables, where it was not run before or has changed since."""
        sections = self._wanted.own_tables.get(dataset.name, {})
        tables = {OwnTable(self._known.schema, name): section for name, section in sections.items()}
        made_before = recorded.own_tables if recorded else ()
        missing = [table for table in tables if (table.schema, table.name) not in self._relations]
        for table in tables:
            if table not in missing and table not in made_before:
                raise _clash(dataset, table, f"give the table another name in {sections[table.name].path}")
        is_due = bool(missing) or recorded is None or recorded.sql_sha256 != dataset.sql_sha256
        for table, section in tables.items() if is_due else ():
            self._present.make_own(table, section)
            self._statements.append(section.text)
        for table in tables:
            if is_due or (table.schema, table.name) in self._known.without_rights:
                self._run(*ddl.own_table_rights(table, self._known.roles))
        self._relations.update((table.schema, table.name) for table in tables)
        is_known = (self._known.schema, dataset.table) in self._relations or self._known.is_new
        if dataset.sql_sha256 and not is_known:
            raise SettingsError(
                f"dataset '{dataset.name}': its SQL makes no table {dataset.table}; make it under a line"
                f" `-- table: {dataset.table}`"
            )
        return tuple(tables)

    def _grant(self, tables: Sequence[Table]) -> None:
        if tables[0].schema != self._known.schema:
            self._run(*ddl.schema_rights(tables[0].schema, self._known.roles))
        for table in tables:
            self._run(*ddl.rights(table, self._known.roles))

    def _evolve(self, dataset: Dataset, recorded: Recorded, tables: tuple[Table, ...]) -> tuple[Table, ...]:
        """Changes the tables; makes empty ones again if they cannot be changed or were made for the project."""
        steps = changes(recorded.tables, tables)
        refused = [step.reason for step in steps if isinstance(step, Refusal)]
        is_another = dataset.name not in self._recorded and not all(step.only_words for step in steps)
        if (refused or is_another) and self._present.are_empty([*recorded.tables, *recorded.own_tables]):
            self._drop(dataset.name, [*recorded.tables, *reversed(recorded.own_tables)])
            self._create(dataset, tables)
            return tables
        refused = refused or list(self._apply(steps))
        if refused:
            self._recorded[dataset.name] = replace(
                recorded, schema=tables[-1].schema, table=dataset.table, tables=tables
            )
            if recorded.sql_sha256 and not dataset.sql_sha256 and installed_sql(dataset.name) is None:
                raise RefusedTablesError(
                    f"dataset '{dataset.name}': its tables were made"
                    f" {difference_of_sql(dataset, recorded.sql_sha256, None)}; name the folder of that file with"
                    " --datasets, or give the resource another name"
                )
            raise RefusedTablesError(
                f"dataset '{dataset.name}': {'; '.join(refused)}; forget its sources ({self._forgetting(dataset)}) and"
                f" {remedies.current.make_tables}, or give the resource another name"
            )
        if steps or any((table.schema, table.name) in self._known.without_rights for table in tables):
            self._grant(tables)
        return with_retired(recorded.tables, tables)

    def _forgetting(self, dataset: Dataset) -> str:
        """Such as: `pipeline forget orders.csv 'order lines.csv'`."""
        names = self._present.sources(dataset.name)
        shown = [shlex.quote(name) for name in names[:NAMED_AT_MOST]]
        more = "" if 0 < len(names) <= NAMED_AT_MOST else "..."
        return f"`{remedies.current.forget_command} {' '.join(shown) or 'NAME'}{more}`"

    def _apply(self, steps: Sequence[Change | Refusal]) -> Iterator[str]:
        """Runs the statements that no row stands against; returns what rows stand against the others."""
        for step in steps:
            if isinstance(step, Change):
                if step.count_against and (count := self._present.count(step.count_against)):
                    yield f"{counted(count, 'row')} {step.objection}"
                else:
                    self._run(step.statement)

    def _run(self, *statements: str) -> None:
        for statement in statements:
            self._present.run(statement)
            self._statements.append(statement)

    def _drop(self, name: str, tables: Sequence[Table | OwnTable]) -> None:
        """Drops empty tables, and before them the keys that refer to them from datasets whose turn is yet to come."""
        for other in self._wanted.datasets:
            if other.name != name and other.name in self._recorded:
                self._drop_keys(other.name, name)
        for table in tables:
            self._run(f"DROP TABLE {table.quoted}")
            self._relations.discard((table.schema, table.name))

    def _drop_keys(self, name: str, referred: str) -> None:
        recorded = self._recorded[name]
        kept = []
        for table in recorded.tables:
            keys = [key for key in table.foreign_keys if key.dataset == referred]
            self._run(*(ddl.dropped_constraint(table, key) for key in keys))
            kept.append(replace(table, foreign_keys=tuple(key for key in table.foreign_keys if key not in keys)))
        self._recorded[name] = replace(recorded, tables=tuple(kept))

    def _record(self, name: str, recorded: Recorded) -> str:
        tables = json.dumps([table.to_json() for table in recorded.tables], ensure_ascii=False)
        registry = quote_identifier(self._known.schema, "datasets")
        values = ", ".join(map(quote_literal, (name, recorded.schema, recorded.table, tables)))
        own_sql = quote_literal(json.dumps(_own_sql(recorded))) if recorded.sql_sha256 else "NULL"
        columns = ("table_schema", "table_name", "structure", "own_sql")
        changed = ", ".join(f"{column} = excluded.{column}" for column in columns)
        return (
            f"INSERT INTO {registry} (name, {', '.join(columns)})\nVALUES ({values}, {own_sql})"
            f"\nON CONFLICT (name) DO UPDATE SET {changed}"
        )


def _own_sql(recorded: Recorded) -> dict[str, object]:
    return {"sha256": recorded.sql_sha256, "tables": [asdict(table) for table in recorded.own_tables]}


def _clash(dataset: Dataset, table: Table | OwnTable, remedy: str) -> SettingsError:
    return SettingsError(
        f"dataset '{dataset.name}': there is a table {table.name} in schema {table.schema} already, which was not made"
        f" for it; {remedy}"
    )
