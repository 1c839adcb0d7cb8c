"""What a database has: its datasets with their tables, its schemas and its roles."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.postgres.schema import TABLE_ROLES
from pipeline.tables.table import OwnTable, Table
from pipeline.tables.tables import Home


@dataclass(frozen=True)
class Recorded:
    """A dataset as the database knows it."""

    schema: str
    table: str  # its own, which reports read
    tables: tuple[Table, ...]  # made from its description, in the order of their making
    sql_sha256: str | None = None  # of the dataset's own SQL
    own_tables: tuple[OwnTable, ...] = ()  # made by that, in the order of their making

    @property
    def has_own_table(self) -> bool:
        """Whether SQL of the dataset's own fills the table that reports read, out of the listings."""
        return self.tables[-1].shape == "listings"

    @property
    def has_shared_keys(self) -> bool:
        """Whether several sources may list a key, and rows are never removed."""
        return self.tables[0].shape == "listings"

    @property
    def is_partitioned(self) -> bool:
        return self.tables[-1].is_partitioned

    @property
    def home(self) -> Home:
        columns = {field: column.name for column in self.tables[-1].columns for field in column.fields}
        return Home(self.schema, self.table, columns)


@dataclass(frozen=True)
class Known:
    """What a database has; by default one that is empty."""

    schema: str = "public"  # of the pipeline's tables
    is_new: bool = True  # schema.sql is yet to be applied
    recorded: Mapping[str, Recorded] = field(default_factory=dict)
    relations: frozenset[tuple[str, str]] = frozenset()  # schema and name of tables, views and indexes
    schemas: frozenset[str] = frozenset()
    roles: tuple[str, ...] = TABLE_ROLES  # of stages, that there are
    without_rights: frozenset[tuple[str, str]] = frozenset()  # tables on which one of those roles lacks a right
