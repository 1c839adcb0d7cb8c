"""`exporter`, or `python -m exporter`: from complete loads to reports."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NoReturn

import click

from exporter.drain import drain
from exporter.export import Exported, export
from exporter.output import check_writable
from exporter.page import prepare_page
from exporter.report import PAGE, Report, check_sources, find_reports, log_without_tables, of_present_datasets
from exporter.summary import summary_table
from pipeline.cli import command, settings
from pipeline.cli.account import account, kept_rows, log_account, ranked, unloaded_references
from pipeline.cli.terminal import echo
from pipeline.descriptions.description import Package
from pipeline.descriptions.package import find_package, read_package
from pipeline.errors import PipelineError
from pipeline.ledger.load import LoadProgress
from pipeline.limits import RowLimit
from pipeline.postgres.database import Database
from pipeline.rejects import TooManyRejectsError
from pipeline.waiting import Deadline, retry_transient
from pipeline.wording import counted

REPORTS_TIMEOUT = 60.0  # seconds that writing reports may take at least, however short DRAIN_TIMEOUT is
SUMMARY = "summary_output.json"
EXAMPLES = """\b
Examples:
  python -m exporter
  python -m exporter --output reports --drain-timeout 600
  python -m exporter --max-rejects 0.1%
"""

logger = logging.getLogger("exporter")


@click.command(epilog=EXAMPLES)
@settings.folder("--output", "OUTPUT_DIR", "data", "Folder for the reports.")
@settings.data_dir
@settings.reports_dir
@settings.drain_timeout
@settings.max_rejects
@settings.rewrite_reports
@settings.database_url()
@settings.redis_url()
@settings.queue_name
@settings.start_timeout
@settings.version
@settings.logging_options
def main(
    output: Path,
    data: Path,
    reports: Path | None,
    drain_timeout: float,
    max_rejects: RowLimit | None,
    rewrite_reports: bool,
    database_url: str,
    redis_url: str,
    queue_name: str,
) -> None:
    """Wait until all loads are complete, then write all reports, and report.html with all of them.

    The reports are those of exporter/reports and of REPORTS_DIR whose datasets have tables. Each file is replaced
    whole or not at all. Reports that are up to date stay. A report must not have the name of a file that the producer
    would load.
    """
    check_writable(output)
    package = read_package(find_package(data))
    found = find_reports(output, data, reports, logs_left_out=True)
    database = Database(database_url, "exporter", read_only=True)
    queue = command.queue_of(database, redis_url, queue_name)
    retry_transient(lambda: _check_names(database, found))
    exported = None
    while exported is None:  # a new load may be sealed between the drain and the snapshot of the reports
        drain(database, queue, drain_timeout, meanwhile=prepare_page)
        with Deadline(max(drain_timeout, REPORTS_TIMEOUT)) as deadline, _showing_reasons(package):
            attempt = partial(export, database, found, output, max_rejects, rewrite=rewrite_reports)
            exported = retry_transient(attempt, deadline=deadline)
    queue.rewrite_log()
    _print_outcome(exported, package, max_rejects, output)
    if any(report.name == SUMMARY and not report.is_own for report in found):
        _print_summary(exported, output / SUMMARY)
    for failure in exported.failures:
        logger.error("%s; %s", failure, _state_of(output / failure.name))
    if failed := len(exported.failures):
        raise PipelineError(
            f"{failed} of {failed + _report_count(exported.files)} reports failed; the others are written:"
            " correct the errors above, and run it again"
        )


def _check_names(database: Database, found: Sequence[Report]) -> None:
    with database.transaction() as tx:
        check_sources(tx, of_present_datasets(tx, found))
        log_without_tables(tx, found)


@contextmanager
def _showing_reasons(package: Package) -> Iterator[None]:
    """Prints why rows are rejected if too many are. Not in the error: rows do not belong in logs."""
    try:
        yield
    except TooManyRejectsError as error:
        echo(*ranked(map(str, error.kinds)), *unloaded_references(_good_rows(error.loads), package))
        raise


def _good_rows(loads: Sequence[LoadProgress]) -> dict[str, int]:
    """By dataset."""
    rows: Counter[str] = Counter()
    for load in loads:
        rows[load.dataset] += load.row_count - load.rejected
    return rows


def _report_count(files: Iterable[Path]) -> int:
    """Without the page, which shows them."""
    return sum(file.name != PAGE for file in files)


def _state_of(file: Path) -> str:
    """What is there of a report that failed."""
    return f"{file} is the one written before" if file.exists() else f"there is no {file}"


def _print_outcome(exported: Exported, package: Package, limit: RowLimit | None, output: Path) -> None:
    if exported.up_to_date_since:
        written = f"{exported.up_to_date_since:%Y-%m-%d %H:%M:%S} UTC"
        echo(
            f"reports are up to date: no load has changed since they were written ({written});"
            " --rewrite-reports writes them again"
        )
    elif files := exported.files:
        page = output / PAGE
        shown = f"; {page} shows them on one page" if page in files else ""
        echo(f"wrote {counted(_report_count(files), 'report')} into {output}{shown}")
    echo(*account(exported.loads))
    echo(*kept_rows(exported.loads, package))
    log_account(exported.loads)
    rejected = sum(load.rejected for load in exported.loads)
    if rejected:
        commonest = "; ".join(f"{each.row_count:,} x {each.kind}" for each in exported.rejected_kinds)
        rejecting = [load.source for load in exported.loads if load.rejected]
        of = rejecting[0] if len(rejecting) == 1 else f"{len(rejecting):,} files"
        echo(f"{counted(rejected, 'row')} of {of} rejected, listed in rejected_rows.csv; most often: {commonest}")
        echo(*unloaded_references(_good_rows(exported.loads), package))
        if not limit:
            logger.warning("no limit is set on rejected rows; --max-rejects N or N% sets one")


def _print_summary(exported: Exported, summary: Path) -> None:
    if summary in exported.files:
        echo("", *summary_table(summary).split("\n"), str(summary))


def run(name: str = "exporter") -> NoReturn:
    """Runs the command under the name that it was called by."""
    command.run(main, name, hard_deadline=True)


if __name__ == "__main__":
    run("python -m exporter")
