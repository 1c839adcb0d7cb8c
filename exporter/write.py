"""Writes all reports in parallel from one snapshot, and then their page."""

import io
import os
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from exporter.page import Written, read_contents, write_page
from exporter.report import PAGE, Report
from pipeline.csv_text.formula_escape import csv_rows
from pipeline.errors import PipelineError, QueryError, TransientError
from pipeline.postgres.database import Database
from pipeline.postgres.sql_text import unterminated
from pipeline.postgres.transaction import Transaction

CONNECTIONS = 4  # that make reports at the same time
BEFORE_QUERY, AFTER_QUERY = (Path(__file__).parent / "json_report.sql").read_text(encoding="utf-8").split("{query}")
JSON_RULE = "a JSON report's query returns one row with one column"


@dataclass(frozen=True)
class Failure:
    """A file that cannot be made, and why."""

    name: str
    reason: str

    @classmethod
    def of_query(cls, report: Report, error: QueryError) -> "Failure":
        if error.position is None:
            return cls(report.name, f"{report.path.name}: {error}")
        before = report.query[: error.position - 1]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        return cls(report.name, f"{report.path.name} line {line}, column {column}: {error}")

    @classmethod
    def of_page(cls, error: Exception) -> "Failure":
        """Without the text of an unexpected error: it may quote a row."""
        if isinstance(error, PipelineError):
            return cls(PAGE, f"{PAGE}: {error}")
        place = traceback.extract_tb(error.__traceback__)[-1]
        return cls(PAGE, f"{PAGE}: unexpected {type(error).__name__} in {place.filename} line {place.lineno}")

    def __str__(self) -> str:
        return self.reason


def write_all(database: Database, snapshot: str, folder: Path, reports: Sequence[Report]) -> list[Path | Failure]:
    """Writes the reports and their page; returns the file of each, or the reason why it failed.

    The database part of the page is read while the reports are made.
    """
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        reading = threads.submit(read_contents, database, snapshot)
        outcomes = list(threads.map(partial(_write, database, snapshot, folder), reports))
    written = [outcome for outcome in outcomes if isinstance(outcome, Written)]
    failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    files = [folder / each.report.name for each in written]
    try:
        files.append(write_page(folder, reading.result(), written, [failure.name for failure in failures]))
    except (OSError, TransientError):
        raise
    except Exception as error:  # the reports are right without their page
        failures.append(Failure.of_page(error))
    return [*files, *failures]


def _write(database: Database, snapshot: str, folder: Path, report: Report) -> Written | Failure:
    path = folder / report.name
    try:
        with (
            closing(database.another()) as connection,
            connection.transaction(snapshot=snapshot) as tx,
            path.open("xb") as file,
        ):
            rows = _write_json(tx, report, file) if path.suffix == ".json" else _write_csv(tx, report, file)
            file.flush()
            os.fsync(file.fileno())
    except QueryError as error:
        return Failure.of_query(report, error)
    except TransientError as error:
        raise TransientError(f"{report.path.name}: {error}") from error
    return Written(report, rows)


def _write_json(tx: Transaction, report: Report, file: IO[bytes]) -> int:
    """The query's one value, as PostgreSQL writes it; returns that it is one row."""
    columns = tx.columns(report.query)
    if len(columns) != 1:
        raise QueryError(f"returns {len(columns)} columns; {JSON_RULE}")
    for first, piece in tx.stream(unterminated(report.query), BEFORE_QUERY, AFTER_QUERY):
        if first == 1 and file.tell():
            raise QueryError(f"returns more than one row; {JSON_RULE}")
        file.write(piece)
    if not file.tell():
        raise QueryError(f"returns no row; {JSON_RULE}")
    return 1


def _write_csv(tx: Transaction, report: Report, file: IO[bytes]) -> int:
    """A header and the query's rows, of which it returns the number; lines end with a newline alone."""
    columns = tx.columns(report.query)
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    rows = tx.copy_query(unterminated(report.query), csv_rows(text, columns))
    text.detach()
    return rows
