"""Rejected rows: searched, and streamed as CSV."""

import io
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pipeline.csv_text.formula_escape import csv_rows
from pipeline.postgres.database import Database
from pipeline.postgres.queries import Queries
from pipeline.postgres.transaction import Column, Transaction

SHOWN = 100  # rows of a search
FETCHED = 5_000  # rows in memory at a time
COLUMNS = [
    Column("source", True),
    Column("row_number", False),
    Column("line", False),
    Column("reason", True),
    Column("raw", True),
]

SQL = Queries(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True)
class Search:
    """The criteria for rejected rows. An empty text matches every row."""

    source: str = ""
    rule: str = ""
    text: str = ""  # in the reason or in the row, in any case


@dataclass(frozen=True)
class RejectedRow:
    source: str
    row_number: int
    line: int
    reason: str
    raw: str


def find(database: Database, search: Search) -> tuple[list[RejectedRow], int]:
    """The first rows that a search finds, by file and row, and how many it finds."""
    with database.transaction(snapshot=True) as tx:
        return _page(tx, search, None, SHOWN), tx.value(SQL["count"], **vars(search))


def as_csv(database: Database, search: Search) -> Iterator[str]:
    """All rows of a search as lines of CSV, with a few thousand in memory at a time.

    Closes the connection at the end.
    """
    with closing(database):
        yield from _csv_pages(database, search)


def _csv_pages(database: Database, search: Search) -> Iterator[str]:
    file = io.StringIO()
    write = csv_rows(file, COLUMNS)
    last = None
    while True:
        with database.transaction() as tx:
            page = _page(tx, search, last, FETCHED)
        for row in page:
            write([row.source, str(row.row_number), str(row.line), row.reason, row.raw])
        yield file.getvalue()
        file.seek(0)
        file.truncate()
        if len(page) < FETCHED:
            return
        last = page[-1]


def _page(tx: Transaction, search: Search, after: RejectedRow | None, limit: int) -> list[RejectedRow]:
    place = {"after_source": after.source if after else "", "after_row": after.row_number if after else 0}
    return [RejectedRow(*row) for row in tx.rows(SQL["rows"], **vars(search), **place, limit=limit)]
