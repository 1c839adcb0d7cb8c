"""`python -m exporter`: from complete loads to reports."""

from pathlib import Path

import click

from exporter.drain import drain
from exporter.export import check_writable, export, table
from pipeline import command
from pipeline.database import Database
from pipeline.queue import ChunkQueue

SUMMARY = "summary_output.json"
EXAMPLES = """\b
Examples:
  python -m exporter
  python -m exporter --output reports --drain-timeout 600
"""


@click.command(epilog=EXAMPLES)
@command.folder("--output", "OUTPUT_DIR", "data", "Folder that the reports are written into.")
@command.drain_timeout
@command.database_url()
@command.redis_url()
@command.logging_options
def main(output: Path, drain_timeout: float, database_url: str, redis_url: str) -> None:
    """Wait until all loads are complete, then write every report.

    Reports are the files of exporter/reports; each is replaced whole or not at all.
    """
    check_writable(output)
    database = Database(database_url, "exporter")
    database.check()
    queue = ChunkQueue.at(redis_url)
    written = None
    while written is None:  # a new load may be sealed between the drain and the snapshot of the reports
        drain(database, queue, drain_timeout)
        written = export(database, output)
    for path in written:
        click.echo(f"wrote {path}")
    summary = output / SUMMARY
    if summary in written:
        click.echo(f"\n{table(summary)}\n{summary}")


if __name__ == "__main__":
    command.run(main, "python -m exporter")
