"""What brings the tables of a dataset from one description to the next without losing or reinterpreting a value.

Pure: it compares recorded tables with wanted ones. A column stays when its field is gone from the description; it is
retired: nothing writes it any more, and no rule holds for it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from pipeline.postgres.quoting import quote_identifier
from pipeline.tables import ddl
from pipeline.tables.table import Column, Constraint, Table

WIDENINGS = ("smallint", "integer", "bigint", "numeric")  # each holds all values of those before it, as they are
LONGEST_DEFINITION = 120  # characters of a rule in a message
RETIRED_COMMENT = "No field of the description any more; holds what was loaded before."


@dataclass(frozen=True)
class Change:
    """A statement, to be run if no row stands against it."""

    statement: str
    count_against: str | None = None  # a query
    objection: str = ""  # the reason in a message, for the rows that it counts
    only_words: bool = False  # a comment, which no row depends on


@dataclass(frozen=True)
class Refusal:
    """What would lose or reinterpret values."""

    reason: str
    only_words: ClassVar[bool] = False


def changes(recorded: Sequence[Table], wanted: Sequence[Table]) -> list[Change | Refusal]:
    """What has to be done, in order; empty if nothing has to be."""
    was, now = _identity(recorded), _identity(wanted)
    if was != now:
        return [Refusal(f"its rows were known by {was} and are to be known by {now}")]
    old, new = recorded[-1], wanted[-1]
    if (old.schema, old.name) != (new.schema, new.name):
        return [Refusal(f"its table is {old.schema}.{old.name} and is to be {new.schema}.{new.name}")]
    if recorded[-1].is_partitioned != wanted[-1].is_partitioned:
        return [Refusal(f"its table is {_partitioning(recorded)} and is to be {_partitioning(wanted)}")]
    return [each for pair in zip(recorded, wanted, strict=True) for each in _table_changes(*pair)]


def with_retired(recorded: Sequence[Table], wanted: Sequence[Table]) -> tuple[Table, ...]:
    """The wanted tables as they are after the changes: with the columns that stay although their field is gone."""
    before = {table.name: (*table.columns, *table.retired) for table in recorded}
    return tuple(replace(table, retired=_retired(before.get(table.name, ()), table)) for table in wanted)


def _retired(before: Sequence[Column], wanted: Table) -> tuple[Column, ...]:
    names = {column.name for column in wanted.columns}
    return tuple(
        replace(column, not_null=False, comment=RETIRED_COMMENT) for column in before if column.name not in names
    )


def _identity(tables: Sequence[Table]) -> str:
    """In words, how rows are told apart, and which tables hold that."""
    if tables[0].shape == "positional":
        return "their position"
    key = f"the key ({', '.join(tables[0].key_fields)})"
    if tables[0].shape == "keyed":
        return key
    return f"{key} that sources share" + ("" if len(tables) > 1 else ", in a table of its own")


def _partitioning(tables: Sequence[Table]) -> str:
    return "partitioned by source" if tables[-1].is_partitioned else "a single table"


def _table_changes(recorded: Table, wanted: Table) -> Iterator[Change | Refusal]:
    alter = f"ALTER TABLE {wanted.quoted}"
    before = {column.name: column for column in (*recorded.columns, *recorded.retired)}
    rules_before = {constraint.name: constraint for constraint in recorded.constraints}
    rules = {constraint.name: constraint for constraint in wanted.constraints}
    for name in reversed(rules_before):
        if rules.get(name) != rules_before[name]:
            yield Change(ddl.dropped_constraint(wanted, rules_before[name]))
    for column in recorded.columns:
        if column.not_null and column in _without_field(recorded, wanted):
            yield Change(f"{alter} ALTER COLUMN {quote_identifier(column.name)} DROP NOT NULL")
    for column in wanted.columns:
        if column.name in before:
            yield from _column_changes(wanted, before[column.name], column)
        elif column.not_null:
            yield Refusal(f"{column.field} is new and required, and the rows that are there have no value of it")
        else:
            yield Change(f"{alter} ADD COLUMN {ddl.column_definition(column)}")
    for name, rule in rules.items():
        if rules_before.get(name) != rule:
            yield _addition(wanted, rule, rules_before.get(name))
    yield from _comment_changes(recorded, wanted)


def _without_field(recorded: Table, wanted: Table) -> tuple[Column, ...]:
    names = {column.name for column in wanted.columns}
    return tuple(column for column in recorded.columns if column.name not in names)


def _column_changes(table: Table, before: Column, column: Column) -> Iterator[Change | Refusal]:
    alter = f"ALTER TABLE {table.quoted} ALTER COLUMN {quote_identifier(column.name)}"
    if before.type != column.type:
        if not _is_wider(before.type, column.type):
            yield Refusal(f"{column.field} was {before.type} and is to be {column.type}")
            return
        yield Change(f"{alter} TYPE {column.type}")
    if before.not_null and not column.not_null:
        yield Change(f"{alter} DROP NOT NULL")
    if column.not_null and not before.not_null:
        count = f"SELECT count(*) FROM {table.quoted} WHERE {quote_identifier(column.name)} IS NULL"
        yield Change(
            f"{alter} SET NOT NULL", count, f"would break the rule for {column.field}, which is to be NOT NULL"
        )


def _is_wider(before: str, after: str) -> bool:
    return before in WIDENINGS and after in WIDENINGS and WIDENINGS.index(before) < WIDENINGS.index(after)


def _addition(table: Table, rule: Constraint, before: Constraint | None) -> Change:
    statement = f"ALTER TABLE {table.quoted} ADD CONSTRAINT {quote_identifier(rule.name)} {rule.definition}"
    fields = {column.name: column.field for column in table.columns}
    names = " and ".join(fields[column] for column in rule.columns)
    was = f" and was {_short(before.definition)}" if before else ""
    objection = f"would break the rule for {names}, which is to be {_short(rule.definition)}{was}"
    return Change(statement, rule.count_against(table.quoted), objection)


def _short(definition: str) -> str:
    return definition if len(definition) <= LONGEST_DEFINITION else definition[: LONGEST_DEFINITION - 1] + "…"


def _comment_changes(recorded: Table, wanted: Table) -> Iterator[Change]:
    if recorded.comment != wanted.comment:
        yield Change(ddl.table_comment(wanted), only_words=True)
    before = {column.name: column.comment for column in (*recorded.columns, *recorded.retired)}
    for column in (*wanted.columns, *_retired(recorded.columns, wanted)):
        if before.get(column.name) != column.comment:
            yield Change(ddl.column_comment(wanted, column), only_words=True)
