"""The SQL that makes a table of a dataset, describes it, and grants the stages their rights."""

from collections.abc import Iterator, Sequence

from pipeline.postgres.quoting import quote_identifier, quote_literal
from pipeline.tables.constraint_names import shortened
from pipeline.tables.table import Column, Constraint, OwnTable, Table, listed

SOURCE_INDEX_COMMENT = "Serves forgetting a source, and finding the rows that are gone from its file."


def creation(table: Table) -> list[str]:
    """The statements that make a table, without the rights."""
    lines = [
        *(column_definition(column) for column in table.columns),
        f"CONSTRAINT {quote_identifier(table.primary_key_name)} PRIMARY KEY ({listed(table.primary_key)})",
        *(f"CONSTRAINT {quote_identifier(each.name)} {each.definition}" for each in table.constraints),
    ]
    partitioning = f" PARTITION BY LIST ({quote_identifier('source_id')})" if table.is_partitioned else ""
    return [
        f"CREATE TABLE {table.quoted} (\n    " + ",\n    ".join(lines) + f"\n){partitioning}",
        *_source_index(table),
        *comments(table),
    ]


def comments(table: Table) -> list[str]:
    columns = (column for column in table.columns if column.comment)
    return [table_comment(table), *(column_comment(table, column) for column in columns)]


def column_definition(column: Column) -> str:
    return f"{quote_identifier(column.name)} {column.type}{' NOT NULL' if column.not_null else ''}"


def table_comment(table: Table) -> str:
    return f"COMMENT ON TABLE {table.quoted} IS {quote_literal(table.comment)}"


def column_comment(table: Table, column: Column) -> str:
    text = "NULL" if column.comment is None else quote_literal(column.comment)
    return f"COMMENT ON COLUMN {table.quoted}.{quote_identifier(column.name)} IS {text}"


def dropped_constraint(table: Table, constraint: Constraint) -> str:
    return f"ALTER TABLE {table.quoted} DROP CONSTRAINT {quote_identifier(constraint.name)}"


def rights(table: Table, roles: Sequence[str]) -> list[str]:
    """The rights of those roles that exist: none may change a row's key, or which source holds it."""
    changeable = tuple(column.name for column in table.columns if column.name not in table.primary_key)
    update = f"UPDATE ({listed(changeable)})"
    privileges = {
        # Decides again what applies when a source is forgotten.
        "pipeline_producer": f"SELECT, INSERT, DELETE, {update}" if table.shape == "decided" else "SELECT, DELETE",
        "pipeline_worker": f"SELECT, INSERT, DELETE, {update}",
        "pipeline_exporter": "SELECT",
    }
    return [f"GRANT {privileges[role]} ON {table.quoted} TO {quote_identifier(role)}" for role in roles]


def own_table_rights(table: OwnTable, roles: Sequence[str]) -> list[str]:
    """Its rows are the SQL's affair, which workers run, and the producer when a source is forgotten."""
    privileges = {
        "pipeline_producer": "SELECT, INSERT, UPDATE, DELETE",
        "pipeline_worker": "SELECT, INSERT, UPDATE, DELETE",
        "pipeline_exporter": "SELECT",
    }
    return [f"GRANT {privileges[role]} ON {table.quoted} TO {quote_identifier(role)}" for role in roles]


def schema_rights(schema: str, roles: Sequence[str]) -> list[str]:
    return [f"GRANT USAGE ON SCHEMA {quote_identifier(schema)} TO {quote_identifier(role)}" for role in roles]


def _source_index(table: Table) -> Iterator[str]:
    if table.shape in ("keyed", "listings"):
        name = shortened(f"{table.name}_source_id_idx")
        yield f"CREATE INDEX {quote_identifier(name)} ON {table.quoted} ({quote_identifier('source_id')})"
        yield f"COMMENT ON INDEX {quote_identifier(table.schema, name)} IS {quote_literal(SOURCE_INDEX_COMMENT)}"
