"""report.html: all reports, the outcome of every row, and the values of the tables, as one self-contained page."""

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from exporter.column_values import TABLES, DatasetValues, column_values, tables_with_rows
from exporter.figures import Figures, read_figures
from exporter.report import PAGE, Report
from pipeline.postgres.database import Database
from pipeline.status.ledger_view import LedgerView, read_ledger
from pipeline.status.shown import LoadStatus, RejectedRule
from pipeline.status.status import load_statuses, rejected_rules
from pipeline.status.throughput import Interval, throughput

LARGEST = 300_000  # bytes of the page
REPORTS = 20  # shown, the first ones
ROWS = 50  # of each list; fewer where the page would become too large
SHOWN_AS_SECTIONS = frozenset({"loads.csv", "rejected_rows.csv"})
FORMS = ("bars", "groups", "cells", "text")  # in the order of the page


@dataclass(frozen=True)
class Written:
    """A report whose file is written."""

    report: Report
    row_count: int


@dataclass(frozen=True)
class Contents:
    """What the page shows of the database."""

    at: datetime
    loads: Sequence[LoadStatus]  # current ones; those with most rejected rows first, then by name
    rules: Sequence[RejectedRule]  # the commonest
    rule_count: int
    intervals: Sequence[Interval]  # of the last run of loading
    datasets: Sequence[DatasetValues]  # those with most rows
    dataset_count: int


@dataclass(frozen=True)
class _ShownReport:
    """A report as the page shows it."""

    title: str
    file: str
    is_own: bool
    figures: Figures


def read_contents(database: Database, snapshot: str) -> Contents:
    """Reads the ledger and the tables as the transaction sees them that has shared this snapshot."""
    with closing(database.another()) as connection:
        with connection.transaction(snapshot=snapshot) as tx:
            ledger = read_ledger(tx, LedgerView(datetime.now(UTC)))
            loads = [load for load in load_statuses(ledger) if load.state != "superseded"]
            rules = rejected_rules(ledger)
            intervals = throughput(tx)
            tables = tables_with_rows(tx, loads)
        datasets = [column_values(connection, snapshot, *table) for table in tables[:TABLES]]
    loads.sort(key=lambda load: (-load.rejected, load.source))
    return Contents(ledger.at, loads, rules[:ROWS], len(rules), intervals, datasets, len(tables))


def write_page(folder: Path, contents: Contents, written: Sequence[Written], failed: Sequence[str]) -> Path:
    """Writes the page of these reports, whose files are in `folder`, and syncs it.

    `failed` names the files that could not be made. Lists are shortened so that the page has at most LARGEST bytes.
    """
    path = folder / PAGE
    reports = [each for each in written if each.report.name not in SHOWN_AS_SECTIONS]
    page = _rendered(
        ROWS,
        contents=contents,
        reports=_ordered_reports(folder, reports[:REPORTS]),
        more_reports=len(reports[REPORTS:]),
        failed=failed,
    )
    with path.open("xb") as file:
        file.write(page)
        file.flush()
        os.fsync(file.fileno())
    return path


def prepare_page() -> None:
    """Reads and compiles what the page needs. An exporter with nothing to write needs none of it."""
    from pipeline.pages.render import compile_templates

    compile_templates()


def _rendered(rows: int, **values: object) -> bytes:
    """The page with lists of `rows` entries, or of as many fewer as it takes."""
    from pipeline.pages.render import STYLE, render  # reads Jinja, which an exporter with nothing to write need not

    page = render("report.html", rows=rows, style=STYLE.read_text(encoding="utf-8"), **values).encode()
    return page if len(page) <= LARGEST or not rows else _rendered(rows // 2, **values)


def _ordered_reports(folder: Path, written: Sequence[Written]) -> list[_ShownReport]:
    """The project's reports, then the user's; charts before tables, and charts of JSON before those of CSV."""
    shown = [
        _ShownReport(
            title=each.report.title,
            file=each.report.name,
            is_own=each.report.is_own,
            figures=read_figures(folder / each.report.name, each.row_count),
        )
        for each in written
    ]
    return sorted(shown, key=lambda each: (each.is_own, FORMS.index(each.figures.form), each.file.endswith(".csv")))
