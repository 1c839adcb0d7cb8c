"""From the description of a dataset to its tables. How its rows are told apart decides their shape (see `Shape`)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from pipeline.descriptions.description import Dataset, Field, Reference, unique_keys
from pipeline.errors import SettingsError
from pipeline.postgres.quoting import is_storable, quote_identifier
from pipeline.tables.constraint_names import ConstraintNames, shortened
from pipeline.tables.table import Check, Column, ForeignKey, Shape, Table, Unique

BOOKKEEPING = {
    "source_id": Column("source_id", "integer", not_null=True, comment="The file; see sources."),
    "row_number": Column(
        "row_number", "bigint", not_null=True, comment="Position in the file, from 1, header not counted."
    ),
    "load_id": Column(
        "load_id",
        "bigint",
        not_null=True,
        comment="The last load of the source that lists the key; not the current one if that dropped it.",
    ),
    "outcome": Column(
        "outcome",
        '"char"',
        not_null=True,
        comment="What the load made of the row: i inserted, u updated, = left unchanged.",
    ),
    "listed_by_load": Column(
        "listed_by_load",
        "bigint",
        not_null=True,
        comment="The newest load that lists the key; history, so that load may be forgotten by now.",
    ),
}
BOOKKEEPING_OF: dict[Shape, tuple[str, ...]] = {
    "positional": ("source_id", "row_number"),
    "keyed": ("source_id", "row_number", "load_id", "outcome"),
    "listings": ("source_id", "row_number", "load_id", "outcome"),
    "decided": ("listed_by_load",),
}
BOOKKEEPING_CHECKS = {
    "row_number": ("positive", '"row_number" >= 1'),
    "outcome": ("known", "\"outcome\" IN ('i', 'u', '=')"),
}
SYSTEM_COLUMNS = frozenset({"cmax", "cmin", "ctid", "tableoid", "xmax", "xmin"})  # PostgreSQL's own, in each table


class ColumnType(Protocol):
    """How PostgreSQL holds a field; see columns.py."""

    @property
    def postgresql_type(self) -> str: ...

    def checks(self) -> list[tuple[str, str]]:
        """Short name of each rule that PostgreSQL can hold, and the SQL condition on the field's column."""


ColumnTypeOf = Callable[[Field], ColumnType]


@dataclass(frozen=True)
class Home:
    """Where a dataset's own table is, and what others need to refer to its rows."""

    schema: str
    table: str
    columns: Mapping[str, str]  # by field


def tables_of(
    dataset: Dataset,
    schema: str,
    homes: Mapping[str, Home],
    column_type: ColumnTypeOf,
    *,
    partition_by_source: bool = False,
) -> tuple[Table, ...]:
    """The tables of a dataset in a schema; the last is the dataset's own, unless SQL of its own makes that.

    `homes` holds the datasets that this one refers to. With `partition_by_source`, a table is partitioned if its rows
    are known by their position and no value has to be unique across sources. Raises SettingsError if a column would
    have a name that the pipeline or PostgreSQL keeps for itself, or if a home is missing.
    """
    shapes: tuple[Shape, ...] = ("keyed",) if dataset.primary_key else ("positional",)
    if dataset.shared_keys:
        shapes = ("listings",) if dataset.sql_sha256 else ("listings", "decided")
    homes = {**homes, dataset.name: Home(schema, dataset.table, columns_by_field(dataset))}
    tables = [_TableBuilder(dataset, schema, homes, column_type, shape).table() for shape in shapes]
    return tuple(
        replace(table, is_partitioned=partition_by_source and table.shape == "positional" and not table.uniques)
        for table in tables
    )


def columns_by_field(dataset: Dataset) -> dict[str, str]:
    columns = {field.name: field.column for field in dataset.fields}
    for reference in dataset.references:
        if reference.id_column:
            columns |= dict.fromkeys(reference.fields, reference.id_column)
    return columns


class _TableBuilder:
    """One table of a dataset, in the making."""

    def __init__(
        self, dataset: Dataset, schema: str, homes: Mapping[str, Home], column_type: ColumnTypeOf, shape: Shape
    ) -> None:
        self._dataset = dataset
        self._schema = schema
        self._homes = homes
        self._column_type = column_type
        self._shape = shape
        self._name = shortened(f"{dataset.table}_listings") if shape == "listings" else dataset.table
        self._names = ConstraintNames(self._name)
        self._column_of = columns_by_field(dataset)
        self._ids = {each.fields[0]: each.fields for each in dataset.references if each.id_column}
        self._replaced = {field for fields in self._ids.values() for field in fields}  # by a column of an id
        self._bookkeeping = tuple(BOOKKEEPING[name] for name in BOOKKEEPING_OF[shape])

    def table(self) -> Table:
        fields = tuple(self._field_columns())
        positional = self._shape == "positional"
        return Table(
            schema=self._schema,
            name=self._name,
            shape=self._shape,
            comment=self._comment(),
            columns=(*self._bookkeeping, *fields) if positional else (*fields, *self._bookkeeping),
            primary_key=self._primary_key(),
            primary_key_name=self._names.name("pkey"),
            checks=tuple(self._checks()),
            uniques=tuple(self._uniques()),
            foreign_keys=tuple(map(self._foreign_key, self._dataset.references)),
        )

    def _comment(self) -> str:
        if self._shape == "listings":
            return (
                f"What each source says of a row of {self._dataset.name};"
                " where they differ, the newest current load decides."
            )
        return comment_of(self._dataset) or f"Rows of the dataset {self._dataset.name}."

    def _primary_key(self) -> tuple[str, ...]:
        if self._shape == "positional":
            return ("source_id", "row_number")
        key = self._columns(self._dataset.primary_key)
        return (*key, "source_id") if self._shape == "listings" else key

    def _field_columns(self) -> Iterator[Column]:
        taken = {*SYSTEM_COLUMNS, *(column.name for column in self._bookkeeping)}
        for field in self._dataset.fields:
            if field.name in self._replaced and field.name not in self._ids:
                continue
            name = self._column_of[field.name]
            if name in taken:
                raise SettingsError(
                    f"dataset '{self._dataset.name}': field '{field.name}' would be the column {name}, which the table"
                    " has already; rename the field"
                )
            taken.add(name)
            yield Column(
                name,
                "integer" if field.name in self._ids else self._column_type(field).postgresql_type,
                not_null=field.constraints.required or field.name in self._dataset.primary_key,
                comment=comment_of(field),
                fields=self._ids.get(field.name, (field.name,)),
            )

    def _checks(self) -> Iterator[Check]:
        for name, (rule, condition) in BOOKKEEPING_CHECKS.items():
            if name in BOOKKEEPING_OF[self._shape]:
                yield Check(self._names.name(name, rule), (name,), condition)
        for field in self._dataset.fields:
            if field.name not in self._replaced:
                for rule, condition in self._column_type(field).checks():
                    yield Check(self._names.name(field.column, rule), (field.column,), condition)

    def _uniques(self) -> Iterator[Unique]:
        """Not for what sources list: several may list the same."""
        if self._shape == "listings":
            return
        for columns in map(self._columns, unique_keys(self._dataset)):
            yield Unique(self._names.name(*columns, "key"), columns)

    def _foreign_key(self, reference: Reference) -> ForeignKey:
        home = self._homes.get(reference.dataset)
        if home is None:
            raise SettingsError(
                f"dataset '{self._dataset.name}' refers to '{reference.dataset}', which has no table; run"
                " `pipeline schema` with a description that has both"
            )
        columns = self._columns(reference.fields)
        return ForeignKey(
            self._names.name(*columns, "fkey"),
            columns,
            dataset=reference.dataset,
            table=quote_identifier(home.schema, home.table),
            keys=("id",) if reference.id_column else tuple(home.columns[key] for key in reference.keys),
            deferred=reference.dataset == self._dataset.name,
        )

    def _columns(self, fields: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self._column_of[field] for field in fields))


def comment_of(described: Dataset | Field) -> str | None:
    """Such as: Sales: what was sold, by day. Without what PostgreSQL cannot store."""
    text = ": ".join(filter(None, (described.title, described.description)))
    return "".join(character if is_storable(character) else "\N{REPLACEMENT CHARACTER}" for character in text) or None
