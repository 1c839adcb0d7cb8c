"""`python -m producer`: from CSV files to chunks on the queue."""

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import click

from pipeline import command, ledger
from pipeline.account import NAMED_AT_MOST, account, listed
from pipeline.database import Database
from pipeline.datasets import DATASETS
from pipeline.errors import SettingsError
from pipeline.forgetting import forget
from pipeline.ledger import LoadProgress
from pipeline.limits import RowLimit
from pipeline.queue import ChunkQueue
from pipeline.terminal import counted, echo
from pipeline.waiting import at_start, patiently
from producer.encodings import Encodings
from producer.preview import Limits, RefusedVersionError
from producer.produce import Produced, preview, produce
from producer.sources import find_sources, left_over

REPORTS_STAMP = ".reports.json"  # in which the exporter lists what it wrote
LONGEST_STAMP = 1 << 20  # bytes
EXAMPLES = """\b
Examples:
  python -m producer
  python -m producer --dry-run
  python -m producer data/places.csv data/people.csv
  python -m producer --encoding people-2024.csv=latin-1 exports/people-2024.csv.gz
  ssh host cat people.csv | python -m producer --name people-host.csv -
  python -m producer --forget people.csv
"""

logger = logging.getLogger("producer")


@click.command(epilog=EXAMPLES)
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path))
@click.option("--name", metavar="NAME", help="What the one FILE (- for standard input) is called, such as people.csv.")
@click.option("--forget", "forgotten", multiple=True, metavar="NAME", help=command.FORGET)
@command.forget_missing
@command.dry_run
@command.data_dir
@command.encoding
@command.max_rejects
@command.max_shrink
@command.allow_empty
@command.chunk_rows
@command.queue_limit
@command.drain_timeout
@command.database_url()
@command.redis_url()
@command.queue_name
@command.logging_options
def main(
    files: tuple[Path, ...],
    name: str | None,
    forgotten: tuple[str, ...],
    forget_missing: bool,
    dry_run: bool,
    data: Path,
    encoding: tuple[str, ...],
    max_rejects: RowLimit | None,
    max_shrink: RowLimit | None,
    allow_empty: bool,
    chunk_rows: int | None,
    queue_limit: int,
    drain_timeout: float,
    database_url: str,
    redis_url: str,
    queue_name: str,
) -> None:
    """Queue what the database lacks of the CSV FILEs (default: all of the data folder).

    Safe to run again at any time, also while another producer runs: what is loaded or under way is not
    queued again. A new version of a loaded file is refused (exit code 3) if it would replace good rows by none, or by
    rows of which more are rejected than --max-rejects allows.
    """
    database = Database(database_url, "producer")
    if forgotten:
        _check_alone("--forget", files, name, dry_run or forget_missing)
        _forget(database, command.queue_of(database, redis_url, queue_name), forgotten)
        return
    sources = find_sources(data, files, name)
    encodings = Encodings.parse(encoding)
    encodings.check(source.name for source in sources)
    limits = Limits(max_rejects, max_shrink, allow_empty)
    at_start(database.check, "DATABASE_URL")
    missing = [] if files else _missing(database, {source.name for source in sources})
    if missing and (dry_run or not forget_missing):
        _warn_of_missing(missing)
    if not files:
        _warn_of_left_over(data)
    with _showing_reasons():
        if dry_run:
            for outlook in preview(sources, database, chunk_rows=chunk_rows, encodings=encodings, limits=limits):
                echo(str(outlook), *outlook.commonest_reasons())
            return
        queue = command.queue_of(database, redis_url, queue_name)
        if missing and forget_missing:
            _forget(database, queue, [source for source, _ in missing])
        results = produce(
            sources,
            database,
            queue,
            chunk_rows=chunk_rows,
            queue_limit=queue_limit,
            drain_timeout=drain_timeout,
            encodings=encodings,
            limits=limits,
        )
    _summarize(results, database)


@contextmanager
def _showing_reasons() -> Iterator[None]:
    """Prints why rows of a refused version would be rejected. Not in the error: rows do not belong in logs."""
    try:
        yield
    except RefusedVersionError as error:
        for outlook in error.outlooks:
            echo(*outlook.commonest_reasons())
        raise


def _check_alone(option: str, files: tuple[Path, ...], name: str | None, other: bool) -> None:
    if files or name or other:
        raise SettingsError(f"{option} loads nothing; give it without FILE, --name, --dry-run and --forget-missing")


def _summarize(results: list[Produced], database: Database) -> None:
    if len(results) <= NAMED_AT_MOST:
        echo(*map(_sentence, results))
    else:
        echo(_total(results))
    sources = {result.source for result in results}
    echo(*account([load for load in patiently(partial(_progress, database)) if load.source in sources]))


def _sentence(result: Produced) -> str:
    if result.queued_chunks:
        rows = f"{result.queued_rows:,} of {result.row_count:,} rows"
        return f"{result.source}: {rows} queued in {counted(result.queued_chunks, 'chunk')}"
    if result.under_way_chunks:
        under_way = counted(result.under_way_chunks, "chunk")
        return f"{result.source}: {result.row_count:,} rows, {under_way} already on the queue"
    return f"{result.source}: {result.row_count:,} rows, unchanged, nothing to do"


def _total(results: list[Produced]) -> str:
    queued = [result for result in results if result.queued_chunks]
    rows = f"{sum(result.queued_rows for result in queued):,} of {sum(result.row_count for result in results):,} rows"
    chunks = counted(sum(result.queued_chunks for result in queued), "chunk")
    unchanged = sum(not result.queued_chunks and not result.under_way_chunks for result in results)
    return f"{counted(len(results), 'file')}: {rows} queued in {chunks}; {counted(unchanged, 'file')} unchanged"


def _progress(database: Database) -> list[LoadProgress]:
    with database.transaction() as tx:
        return ledger.progress(tx)


def _forget(database: Database, queue: ChunkQueue, sources: Sequence[str]) -> None:
    try:
        echo(*map(str, forget(database, queue, sources)))
    except SettingsError as error:
        raise SettingsError(f"--forget: {error}") from error


def _warn_of_left_over(folder: Path) -> None:
    if names := left_over(folder, _report_names(folder)):
        logger.warning("not loaded, since no dataset has such a name: %s", listed(names))


def _report_names(folder: Path) -> list[str]:
    """The files that the exporter wrote into the folder, if it writes its reports there."""
    with suppress(OSError, ValueError, LookupError, TypeError), (folder / REPORTS_STAMP).open("rb") as file:
        return list(json.loads(file.read(LONGEST_STAMP))["reports"])
    return []


def _missing(database: Database, found: set[str]) -> list[tuple[str, int]]:
    """The sources that the ledger knows and the folder does not hold, each with its rows in the tables."""
    datasets = {dataset.name: dataset() for dataset in DATASETS}

    def attempt() -> list[tuple[str, int]]:
        with database.transaction() as tx:
            known = ledger.known_sources(tx)
            return [
                (name, datasets[known[name].dataset].loaded_rows(tx, known[name].id))
                for name in sorted(known.keys() - found)
            ]

    return patiently(attempt)


def _warn_of_missing(missing: list[tuple[str, int]]) -> None:
    logger.warning(
        "loaded before, but not in the folder any more: %s; of a renamed file the rows count twice;"
        " --forget NAME removes them, --forget-missing those of all these files",
        listed([f"{source} ({counted(rows, 'row')})" for source, rows in missing]),
    )


if __name__ == "__main__":
    command.run(main, "python -m producer", ends_in_time=True)
