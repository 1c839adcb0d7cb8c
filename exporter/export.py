"""From complete loads to files: every report, all from one snapshot."""

import io
import json
import os
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
from exporter.report import Report, check_sources, of_present_datasets
from pipeline.cli.terminal import printable
from pipeline.csv_text.formula_escape import csv_rows
from pipeline.errors import PipelineError, QueryError, TransientError
from pipeline.ledger import ledger
from pipeline.ledger.ledger import LoadProgress, RejectedKind
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
    """A report that cannot be made, and why."""

    report: Report
    error: QueryError

    def __str__(self) -> str:
        if self.error.position is None:
            return f"{self.report.path.name}: {self.error}"
        before = self.report.query[: self.error.position - 1]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        return f"{self.report.path.name} line {line}, column {column}: {self.error}"


@dataclass(frozen=True)
class Exported:
    """The reports, and what became of the rows that they are about."""

    files: list[Path]  # written, by name
    failures: list[Failure]  # reports that were not
    up_to_date_since: datetime | None  # when they were written before, if nothing has changed since
    loads: list[LoadProgress]
    rejected_kinds: list[RejectedKind]  # the commonest


def export(
    database: Database, reports: Sequence[Report], output: Path, max_rejects: RowLimit | None = None
) -> Exported | None:
    """Writes the reports of datasets that there are into `output`, from one snapshot, unless they are up to date there.

    None, and nothing written, if the snapshot holds a load that is not complete. The files are replaced
    after all of them were written and synced: a reader never sees half of one, and an error (PipelineError
    if the folder is at fault, SettingsError if a report has a source's name, TooManyRejectsError) leaves the previous
    ones. A report whose query fails leaves its own previous file, and is written again next time.
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
                files = [output / report.name for report in reports]
                if since := manifest.written_at(output, input_digest, files):
                    return Exported(files, [], since, loads, kinds)
                write = partial(_write, database, tx.shared_snapshot(), folder)
                with ThreadPoolExecutor(CONNECTIONS) as threads:
                    outcomes = list(threads.map(write, reports))
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
    failed = {failure.report.name for failure in failures}
    earlier = manifest.earlier_names(output, {*failed, *(path.name for path in written)})
    if failures:
        left = [output / name for name in sorted(failed & owned) if (output / name).is_file()]
        last = manifest.write(folder, None, [*written, *left], earlier)
    else:
        last = manifest.write(folder, input_digest, written, earlier)
    replace([*written, last], output, owned)  # the manifest last, since it vouches for the others


def _write(database: Database, snapshot: str, folder: Path, report: Report) -> Path | Failure:
    path = folder / report.name
    try:
        with (
            closing(database.another()) as connection,
            connection.transaction(snapshot=snapshot) as tx,
            path.open("xb") as file,
        ):
            write = _write_json if path.suffix == ".json" else _write_csv
            write(tx, report, file)
            file.flush()
            os.fsync(file.fileno())
    except QueryError as error:
        return Failure(report, error)
    except TransientError as error:
        raise TransientError(f"{report.path.name}: {error}") from error
    return path


def _write_json(tx: Transaction, report: Report, file: IO[bytes]) -> None:
    """The query's one value, as PostgreSQL writes it."""
    columns = tx.columns(report.query)
    if len(columns) != 1:
        raise QueryError(f"returns {len(columns)} columns; {JSON_RULE}")
    for first, piece in tx.stream(unterminated(report.query), BEFORE_QUERY, AFTER_QUERY):
        if first == 1 and file.tell():
            raise QueryError(f"returns more than one row; {JSON_RULE}")
        file.write(piece)
    if not file.tell():
        raise QueryError(f"returns no row; {JSON_RULE}")


def _write_csv(tx: Transaction, report: Report, file: IO[bytes]) -> None:
    """A header and the query's rows; lines end with a newline alone."""
    columns = tx.columns(report.query)
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    tx.copy_query(unterminated(report.query), csv_rows(text, columns))
    text.detach()


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
