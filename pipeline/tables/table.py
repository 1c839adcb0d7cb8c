"""A table of a dataset, as a value: recorded in the table `datasets`, compared by `evolution.py`, made by `ddl.py`."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pipeline.postgres.quoting import quote_identifier

# positional: a row is known by its source and its number in it.
# keyed: by its key; a key belongs to one source.
# listings: what each source says of a key that several may list; decided: what applies of that.
Shape = Literal["positional", "keyed", "listings", "decided"]


@dataclass(frozen=True)
class Column:
    name: str
    type: str  # of PostgreSQL
    not_null: bool = False
    comment: str | None = None
    fields: tuple[str, ...] = ()  # of the description, that it holds or stands for; none: the pipeline's own

    @property
    def field(self) -> str:
        """As messages name it."""
        return f"field {', '.join(map(repr, self.fields))}" if self.fields else f"column {self.name}"


@dataclass(frozen=True)
class Constraint:
    """A rule of a table, with a name. Each kind says how it is written, and which query counts the rows against it."""

    name: str
    columns: tuple[str, ...]

    @property
    def definition(self) -> str:
        raise NotImplementedError

    def count_against(self, table: str) -> str:
        raise NotImplementedError


@dataclass(frozen=True)
class Check(Constraint):
    condition: str

    @property
    def definition(self) -> str:
        return f"CHECK ({self.condition})"

    def count_against(self, table: str) -> str:
        return f"SELECT count(*) FROM {table} WHERE NOT ({self.condition})"


@dataclass(frozen=True)
class Unique(Constraint):
    @property
    def definition(self) -> str:
        return f"UNIQUE ({listed(self.columns)})"

    def count_against(self, table: str) -> str:
        known = " AND ".join(f"{quote_identifier(column)} IS NOT NULL" for column in self.columns)
        repeated = f"SELECT count(*) AS times FROM {table} WHERE {known} GROUP BY {listed(self.columns)}"
        return f"SELECT coalesce(sum(times), 0) FROM ({repeated} HAVING count(*) > 1) AS repeated"


@dataclass(frozen=True)
class ForeignKey(Constraint):
    dataset: str  # that is referred to
    table: str  # of it, quoted
    keys: tuple[str, ...]
    deferred: bool = False  # rows of one chunk may refer to each other in any order

    @property
    def definition(self) -> str:
        deferral = " DEFERRABLE INITIALLY DEFERRED" if self.deferred else ""
        return f"FOREIGN KEY ({listed(self.columns)}) REFERENCES {self.table} ({listed(self.keys)}){deferral}"

    def count_against(self, table: str) -> str:
        known = "".join(f" AND referring.{quote_identifier(column)} IS NOT NULL" for column in self.columns)
        pairs = zip(self.columns, self.keys, strict=True)
        same = " AND ".join(
            f"referred.{quote_identifier(key)} = referring.{quote_identifier(column)}" for column, key in pairs
        )
        referred = f"SELECT FROM {self.table} AS referred WHERE {same}"
        return f"SELECT count(*) FROM {table} AS referring WHERE NOT EXISTS ({referred}){known}"


@dataclass(frozen=True)
class OwnTable:
    """A table that a dataset makes itself, by SQL of its own."""

    schema: str
    name: str

    @property
    def quoted(self) -> str:
        return quote_identifier(self.schema, self.name)


@dataclass(frozen=True)
class Table:
    schema: str
    name: str
    shape: Shape
    comment: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]  # columns
    primary_key_name: str
    checks: tuple[Check, ...] = ()
    uniques: tuple[Unique, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    retired: tuple[Column, ...] = ()  # of fields that the description no longer has
    is_partitioned: bool = False  # by source

    @property
    def quoted(self) -> str:
        return quote_identifier(self.schema, self.name)

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        return (*self.checks, *self.uniques, *self.foreign_keys)

    @property
    def key_fields(self) -> tuple[str, ...]:
        """The fields that tell rows apart; none where their position does."""
        fields = {column.name: column.fields for column in self.columns}
        return tuple(field for name in self.primary_key for field in fields[name])

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> "Table":
        """The table that `asdict` made this of."""

        def values(name: str, kind: Callable[..., Any]) -> tuple[Any, ...]:
            lists = ({key: tuple(v) if isinstance(v, list) else v for key, v in each.items()} for each in table[name])
            return tuple(kind(**each) for each in lists)

        return cls(
            **{name: table[name] for name in ("schema", "name", "shape", "comment", "primary_key_name")},
            primary_key=tuple(table["primary_key"]),
            columns=values("columns", Column),
            checks=values("checks", Check),
            uniques=values("uniques", Unique),
            foreign_keys=values("foreign_keys", ForeignKey),
            retired=values("retired", Column),
            is_partitioned=table.get("is_partitioned", False),  # tables of earlier versions are not
        )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def listed(columns: tuple[str, ...]) -> str:
    return ", ".join(map(quote_identifier, columns))
