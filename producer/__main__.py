"""`python -m producer`: from CSV files to chunks on the queue."""

from pathlib import Path

import click

from pipeline import command, ledger
from pipeline.database import Database, is_storable
from pipeline.errors import SettingsError
from pipeline.ledger import LoadProgress
from pipeline.queue import ChunkQueue
from pipeline.terminal import echo
from pipeline.waiting import patiently
from producer.produce import Produced, produce
from producer.sources import find_sources

EXAMPLES = """\b
Examples:
  python -m producer
  python -m producer data/places.csv data/people.csv
  python -m producer --encoding latin-1 exports/people-2024.csv.gz
  ssh host cat people.csv | python -m producer --name people-host.csv -
  python -m producer --forget people.csv
"""


@click.command(epilog=EXAMPLES)
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path))
@click.option("--name", metavar="NAME", help="What the one FILE (- for standard input) is called, such as people.csv.")
@click.option("--forget", metavar="NAME", help="Remove a source's people and loads instead, such as people.csv.")
@command.data_dir
@command.encoding
@command.chunk_rows
@command.queue_limit
@command.drain_timeout
@command.database_url()
@command.redis_url()
@command.logging_options
def main(
    files: tuple[Path, ...],
    name: str | None,
    forget: str | None,
    data: Path,
    encoding: str,
    chunk_rows: int | None,
    queue_limit: int,
    drain_timeout: float,
    database_url: str,
    redis_url: str,
) -> None:
    """Queue what the database lacks of the CSV FILEs (default: all of the data folder).

    Safe to run again at any time, also while another producer runs: what is loaded or under way is not
    queued again.
    """
    if forget:
        database = Database(database_url, "producer")
        database.check()
        _forget(database, forget)
        return
    sources = find_sources(data, files, name)
    database = Database(database_url, "producer")
    database.check()
    queue = ChunkQueue.at(redis_url)
    results = produce(
        sources,
        database,
        queue,
        chunk_rows=chunk_rows,
        queue_limit=queue_limit,
        drain_timeout=drain_timeout,
        encoding=encoding,
    )
    for result in results:
        echo(_sentence(result))
    for load in patiently(lambda: _progress(database)):
        if load.source in {source.name for source in sources}:
            echo(str(load))


def _progress(database: Database) -> list[LoadProgress]:
    with database.transaction() as tx:
        return ledger.progress(tx)


def _sentence(result: Produced) -> str:
    if result.queued_chunks:
        rows = f"{result.queued_rows:,} of {result.row_count:,} rows"
        return f"{result.source}: {rows} queued in {result.queued_chunks} chunks"
    if result.under_way_chunks:
        return f"{result.source}: {result.row_count:,} rows, {result.under_way_chunks} chunks already on the queue"
    return f"{result.source}: {result.row_count:,} rows, unchanged, nothing to do"


def _forget(database: Database, source: str) -> None:
    with database.transaction() as tx:
        removed = ledger.forget(tx, source) if is_storable(source) else None
    if removed is None:
        raise SettingsError(f"--forget: no source '{source}' is known; the report loads.csv names those that are")
    echo(f"{source}: forgotten, {removed:,} people removed")


if __name__ == "__main__":
    command.run(main, "python -m producer", ends_in_time=True)
