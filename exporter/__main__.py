"""`python -m exporter`: from complete loads to reports."""

import logging
from pathlib import Path

import click

from exporter.drain import drain
from exporter.export import Exported, export, table
from exporter.output import check_writable
from exporter.report import check_sources, find_reports
from pipeline import command
from pipeline.account import account
from pipeline.database import Database
from pipeline.errors import PipelineError
from pipeline.limits import RowLimit
from pipeline.terminal import echo
from pipeline.waiting import Deadline, patiently

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
@command.folder("--output", "OUTPUT_DIR", "data", "Folder that the reports are written into.")
@command.data_dir
@command.drain_timeout
@command.max_rejects
@command.database_url()
@command.redis_url()
@command.queue_name
@command.start_timeout
@command.logging_options
def main(
    output: Path,
    data: Path,
    drain_timeout: float,
    max_rejects: RowLimit | None,
    database_url: str,
    redis_url: str,
    queue_name: str,
) -> None:
    """Wait until all loads are complete, then write every report.

    Reports are the files of exporter/reports; each is replaced whole or not at all. If no load has changed
    since they were written, they stay; remove one of them to have all written again. No report may be
    called what the producer would read from the data folder.
    """
    check_writable(output)
    reports = find_reports(output, data)
    database = Database(database_url, "exporter")
    queue = command.queue_of(database, redis_url, queue_name)
    with database.transaction() as tx:
        check_sources(tx, reports)
    exported = None
    while exported is None:  # a new load may be sealed between the drain and the snapshot of the reports
        drain(database, queue, drain_timeout)
        with Deadline(max(drain_timeout, REPORTS_TIMEOUT)) as deadline:
            exported = patiently(lambda: export(database, reports, output, max_rejects), deadline=deadline)
    queue.rewrite_log()
    _tell(exported, max_rejects, output / SUMMARY)
    for failure in exported.failures:
        logger.error("%s", failure)
    if exported.failures:
        raise PipelineError(
            f"{len(exported.failures)} of {len(reports)} reports failed; the others are written:"
            " correct the queries named above, and run it again"
        )


def _tell(exported: Exported, limit: RowLimit | None, summary: Path) -> None:
    if exported.up_to_date_since:
        written = f"{exported.up_to_date_since:%Y-%m-%d %H:%M:%S} UTC"
        echo(
            f"reports are up to date: no load has changed since they were written ({written});"
            " remove one to have all written anew"
        )
    else:
        echo(*(f"wrote {path}" for path in exported.files))
    echo(*account(exported.loads))
    rejected = sum(load.rejected for load in exported.loads)
    if rejected:
        commonest = "; ".join(f"{count:,} x {kind}" for kind, count in exported.rejected_kinds)
        echo(f"{rejected:,} rows rejected, listed in rejected_rows.csv; most often: {commonest}")
        if not limit:
            logger.warning("no limit is set on rejected rows; --max-rejects N or N% sets one")
    if summary in exported.files:
        echo("", *table(summary).split("\n"), str(summary))


if __name__ == "__main__":
    command.run(main, "python -m exporter", ends_in_time=True)
