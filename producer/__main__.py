"""`producer`, or `python -m producer`: from CSV files to chunks on the queue."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import click

from pipeline import remedies
from pipeline.cli import command, progress, settings
from pipeline.cli.account import unloaded_references
from pipeline.cli.location import LOCATION
from pipeline.cli.logs import RESULTS
from pipeline.cli.terminal import echo
from pipeline.descriptions.package import find_package, read_package
from pipeline.errors import SettingsError
from pipeline.forgetting import forget
from pipeline.limits import RowLimit
from pipeline.postgres.database import Database
from pipeline.queue import ChunkQueue
from pipeline.rejects import check_rejects
from pipeline.url import Location
from pipeline.wording import NAMED_AT_MOST, counted
from producer.dry_run import DryRun, preview
from producer.files.encodings import Encodings
from producer.forecast import Limits, RefusedVersionError
from producer.left_out import missing_sources, warn_of_missing, warn_of_rejected
from producer.produce import Produced, produce
from producer.sources import Source, find_sources, paths_without_file, warn_of_absent
from producer.unnamed import warn_of_left_over

EXAMPLES = """\b
Examples:
  python -m producer
  python -m producer --dry-run
  python -m producer data/places.csv data/people.csv
  python -m producer --encoding people-2024.csv=latin-1 exports/people-2024.csv.gz
  ssh host cat people.csv | python -m producer --name people-host.csv -
  python -m producer https://example.org/people.csv.gz 's3://bucket/2024/people-*.csv'
  python -m producer --forget people.csv
"""

logger = logging.getLogger("producer")
results_log = logging.getLogger(RESULTS)


@click.command(epilog=EXAMPLES)
@click.argument("files", nargs=-1, metavar="[FILE|URL]...", type=LOCATION)
@click.option("--name", metavar="NAME", help="What the one FILE (- for standard input) is called, such as people.csv.")
@click.option("--forget", "forgotten", multiple=True, metavar="NAME", help=settings.FORGET)
@settings.forget_missing
@settings.dry_run
@settings.data_dir
@settings.datasets_dir()
@settings.encoding
@settings.max_rejects
@settings.max_shrink
@settings.allow_empty
@settings.chunk_rows
@settings.queue_limit
@settings.drain_timeout
@settings.database_url()
@settings.redis_url()
@settings.queue_name
@settings.start_timeout
@settings.version
@settings.logging_options
def main(
    files: tuple[Location, ...],
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
    """Queue what the database lacks of CSV files, by name or URL (default: all of the data folder).

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
    command.check(database)
    to_forget = [] if files else _missing_of(database, data, sources, are_forgotten=forget_missing)
    with _showing_reasons():
        if dry_run:
            foreseen = preview(
                sources, database, forget=to_forget, chunk_rows=chunk_rows, encodings=encodings, limits=limits
            )
            _print_dry_run(foreseen, data)
            if max_rejects:
                check_rejects(foreseen.rejected, foreseen.row_count, max_rejects, "nothing was changed")
            return
        queue = command.queue_of(database, redis_url, queue_name)
        results = produce(
            sources,
            database,
            queue,
            chunk_rows=chunk_rows,
            queue_limit=queue_limit,
            drain_timeout=drain_timeout,
            encodings=encodings,
            limits=limits,
            before_sealing=lambda: _forget(database, queue, to_forget),
        )
    _summarize(results)
    if files:
        queued = {result.source for result in results if result.queued_chunks}
        warn_of_rejected(database, {each.dataset.name for each in sources if each.name in queued}, results)


@contextmanager
def _showing_reasons() -> Iterator[None]:
    """Prints why rows of a refused version would be rejected. Not in the error: rows do not belong in logs."""
    try:
        yield
    except RefusedVersionError as error:
        for forecast in error.forecasts:
            echo(*forecast.commonest_reasons())
        raise


def _check_alone(option: str, files: tuple[Location, ...], name: str | None, other: bool) -> None:
    if files or name or other:
        raise SettingsError(f"{option} loads nothing; give it without FILE, --name, --dry-run and --forget-missing")


def _summarize(results: list[Produced]) -> None:
    """What is queued; what became of it says the exporter."""
    queued = {
        "rows": sum(result.queued_rows for result in results),
        "chunks": sum(result.queued_chunks for result in results),
    }
    results_log.info("%s", _total(results), extra=queued)
    if progress.is_shown_by_run:  # which has a bar for each of the others
        results = [result for result in results if not result.queued_chunks]
    if len(results) <= NAMED_AT_MOST:
        echo(*map(_sentence, results))
    else:
        echo(_total(results))


def _sentence(result: Produced) -> str:
    if result.queued_chunks:
        rows = f"{result.queued_rows:,} of {counted(result.row_count, 'row')}"
        return f"{result.source}: {rows} queued in {counted(result.queued_chunks, 'chunk')}"
    if result.under_way_chunks:
        under_way = counted(result.under_way_chunks, "chunk")
        return f"{result.source}: {counted(result.row_count, 'row')}, {under_way} already on the queue"
    earlier = "; its counts are those of an earlier run" if remedies.is_of_run() else ""
    return f"{result.source}: {counted(result.row_count, 'row')}, unchanged, nothing to do{earlier}"


def _total(results: list[Produced]) -> str:
    queued = [result for result in results if result.queued_chunks]
    row_count = counted(sum(result.row_count for result in results), "row")
    rows = f"{sum(result.queued_rows for result in queued):,} of {row_count}"
    chunks = counted(sum(result.queued_chunks for result in queued), "chunk")
    unchanged = sum(not result.queued_chunks and not result.under_way_chunks for result in results)
    return f"{counted(len(results), 'file')}: {rows} queued in {chunks}; {counted(unchanged, 'file')} unchanged"


def _print_dry_run(foreseen: DryRun, data: Path) -> None:
    """Prints what a run would do."""
    echo(*(forgotten.foreseen for forgotten in foreseen.forgotten))
    for forecast in foreseen.forecasts:
        echo(str(forecast), *forecast.commonest_reasons())
    if any(forecast.rejected for forecast in foreseen.forecasts):
        echo(*unloaded_references(foreseen.good_rows, read_package(find_package(data))))


def _missing_of(database: Database, data: Path, sources: Sequence[Source], *, are_forgotten: bool) -> list[str]:
    """The sources to forget: their files are gone from the folder. Warns of missing files that are not forgotten.

    Warns of files that are not loaded too, and of files that a description names and that are not there.
    """
    described = {dataset.name for dataset in read_package(find_package(data)).datasets}
    missing = missing_sources(database, {source.name for source in sources}, described)
    forgotten = [each for each in missing if are_forgotten and not each.is_elsewhere]
    warn_of_missing([each for each in missing if each not in forgotten])
    warn_of_left_over(data)
    names = {each.name for each in missing}
    warn_of_absent([path for path in paths_without_file(data) if path not in names])
    return [each.name for each in forgotten]


def _forget(database: Database, queue: ChunkQueue, sources: Sequence[str]) -> None:
    if not sources:
        return
    try:
        echo(*map(str, forget(database, queue, sources)))
    except SettingsError as error:
        raise SettingsError(f"--forget: {error}") from error


def run(name: str = "producer") -> NoReturn:
    """Runs the command under the name that it was called by."""
    command.run(main, name, hard_deadline=True)


if __name__ == "__main__":
    run("python -m producer")
