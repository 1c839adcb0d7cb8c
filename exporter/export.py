"""From complete loads to files: every report, all from one snapshot."""

import io
import json
import os
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO

from exporter import manifest
from exporter.output import replace, temporary_folder
from exporter.page import Written, read_contents, write_page
from exporter.report import PAGE, Report, check_sources, of_present_datasets
from pipeline.cli.terminal import printable
from pipeline.csv_text.formula_escape import csv_rows
from pipeline.errors import PipelineError, QueryError, TransientError
from pipeline.ledger import ledger
from pipeline.ledger.load import LoadProgress, RejectedKind
from pipeline.limits import RowLimit
from pipeline.postgres.database import Database, Transaction
from pipeline.postgres.sql_text import unterminated
from pipeline.rejects import check_rejects
from pipeline.wording import NAMED_AT_MOST

CONNECTIONS = 4  # that make reports at the same time
REJECTS_OUTCOME = (
    "the good rows are loaded; the reports are as they were; standard output has the commonest reasons, the table"
    " rejected_rows lists all, and so does rejected_rows.csv after a run with a higher limit"
)
COMMONEST = 3  # kinds of faults that the exporter names
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


@dataclass(frozen=True)
class Exported:
    """The reports, and what became of the rows that they are about."""

    files: list[Path]  # written: reports by name, then their page
    failures: list[Failure]  # reports that were not
    up_to_date_since: datetime | None  # when they were written before, if nothing has changed since
    loads: list[LoadProgress]
    rejected_kinds: list[RejectedKind]  # the commonest


def export(
    database: Database, reports: Sequence[Report], output: Path, max_rejects: RowLimit | None = None
) -> Exported | None:
    """Writes the reports of datasets that there are, and their page, from one snapshot, unless they are up to date.

    None, and nothing written, if the snapshot holds a load that is not complete. The files are replaced
    after all of them were written and synced: a reader never sees half of one, and an error (PipelineError
    if the folder is at fault, SettingsError if a report has a source's name, TooManyRejectsError) leaves the previous
    ones. A report whose query fails, or a page that cannot be made, leaves its own previous file, and is written again
    next time.
    """
    try:
        with temporary_folder(output) as folder:
            with database.transaction(snapshot=True) as tx:
                reports = of_present_datasets(tx, reports)
                check_sources(tx, reports)
                if ledger.missing_chunks(tx):
                    return None
                loads = ledger.progress(tx)
                kinds = ledger.rejected_kinds(tx, COMMONEST)
                if max_rejects:
                    rejected, read = sum(load.rejected for load in loads), sum(load.row_count for load in loads)
                    check_rejects(rejected, read, max_rejects, REJECTS_OUTCOME, kinds, loads)
                input_digest = manifest.input_digest(tx, reports)
                files = [output / name for name in (*(report.name for report in reports), PAGE)]
                if since := manifest.written_at(output, input_digest, files):
                    return Exported(files, [], since, loads, kinds)
                outcomes = _write_all(database, tx.shared_snapshot(), folder, reports)
            failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
            written = [outcome for outcome in outcomes if isinstance(outcome, Path)]
            _replace(folder, written, failures, input_digest, output)
            return Exported([output / path.name for path in written], failures, None, loads, kinds)
    except OSError as error:
        raise PipelineError(
            f"OUTPUT_DIR: cannot write into '{output}': {error.strerror}; the previous reports are as they were;"
            " free some space or name another folder, and run it again"
        ) from error


def _replace(folder: Path, written: list[Path], failures: list[Failure], input_digest: str, output: Path) -> None:
    """Moves the reports written in `folder` into `output`; the manifest vouches for them unless one is missing."""
    owned = {manifest.NAME, *manifest.written_names(output)}
    failed = {failure.name for failure in failures}
    earlier = manifest.earlier_names(output, {*failed, *(path.name for path in written)})
    if failures:
        left = [output / name for name in sorted(failed & owned) if (output / name).is_file()]
        last = manifest.write(folder, None, [*written, *left], earlier)
    else:
        last = manifest.write(folder, input_digest, written, earlier)
    replace([*written, last], output, owned)  # the manifest last, since it vouches for the others


def _write_all(database: Database, snapshot: str, folder: Path, reports: Sequence[Report]) -> list[Path | Failure]:
    """Writes the reports and their page, which reads what it shows of the database while the reports are made."""
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


def table(summary: Path) -> str:
    """The counts of a summary file as lines to read; of many, the first."""
    counts = json.loads(summary.read_text(encoding="utf-8"))
    rows = [(printable(name), count) for name, count in islice(counts.items(), NAMED_AT_MOST)]
    out = io.StringIO()
    width = max((len(name) for name, _ in rows), default=0)
    for name, count in rows:
        out.write(f"{name:<{width}}  {count:>12,}\n")
    if (more := len(counts) - len(rows)) > 0:
        out.write(f"and {more:,} more\n")
    return out.getvalue()
