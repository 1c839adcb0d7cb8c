"""Which rows of other tables refer to the rows of a table: the foreign keys of the database say so."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.postgres.queries import Queries
from pipeline.postgres.transaction import Transaction

SQL = Path(__file__).with_suffix(".sql")


@dataclass(frozen=True)
class Referrer:
    """A foreign key to a table; all names are quoted."""

    table: str
    columns: list[str]
    referred_columns: list[str]
    names_source: bool
    is_own: bool  # of the table that it refers to

    def refers_to(self, referred: str) -> str:
        """The condition that a row of `referring` refers to the row of this alias."""
        pairs = zip(self.columns, self.referred_columns, strict=True)
        return " AND ".join(f"referring.{column} = {referred}.{other}" for column, other in pairs)

    def names(self, referred: str) -> str:
        """The condition that a row of the other table refers to the row of this alias."""
        return f"EXISTS (SELECT FROM {self.table} AS referring WHERE {self.refers_to(referred)})"


def not_referred_to(tx: Transaction, table: str, alias: str) -> str:
    """The condition that no row of another table refers to a row of `table`, called `alias`."""
    conditions = [f"NOT {each.names(alias)}" for each in referring_keys(tx, table)]
    return " AND ".join(conditions) or "true"


def rows_that_refer(tx: Transaction, table: str, is_removed: str, **parameters: object) -> list[tuple[str, int]]:
    """The sources whose rows refer to rows of `table` that are to be removed, each with its number of rows.

    `is_removed` is the condition on a row called `referred`.
    """
    counts: dict[str, int] = {}
    for each in (referrer for referrer in referring_keys(tx, table) if referrer.names_source):
        names = {"referring": each.table, "table": table, "refers": each.refers_to("referred")}
        queries = Queries(SQL, names | {"is_removed": is_removed})
        for source, count in tx.rows(queries["rows_that_refer"], **parameters):
            counts[source] = counts.get(source, 0) + count
    return sorted(counts.items())


def referring_keys(tx: Transaction, table: str) -> list[Referrer]:
    """The foreign keys that refer to rows of `table`."""
    return [Referrer(*row) for row in tx.rows(Queries(SQL)["referrers"], table=table)]
