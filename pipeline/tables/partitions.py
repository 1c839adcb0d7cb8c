"""The SQL that gives each source of a partitioned table a partition of its own."""

from pathlib import Path

from pipeline.postgres.queries import Queries
from pipeline.postgres.quoting import quote_identifier, quote_literal
from pipeline.postgres.sql_text import unterminated
from pipeline.tables.table import Table

SQL = Path(__file__).with_suffix(".sql")


def creation(table: Table, dataset: str, schema: str) -> list[str]:
    """The statements that make partitions of `table` come and go with the sources of its dataset.

    `schema` is that of the pipeline's own tables. They can be run again for each table.
    """
    names = {
        "schema": quote_identifier(schema),
        "table": quote_literal(table.quoted),
        "dataset": quote_literal(dataset),
    }
    queries = Queries(SQL, names)
    statements = ("add_partition", "follow_source", "triggers", "partitions_of_sources")
    return [unterminated(queries[name]) for name in statements]
