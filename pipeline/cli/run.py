"""The whole pipeline on this machine: producer, workers and exporter, each a process of its own."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from pipeline import remedies
from pipeline.cli import stages
from pipeline.cli.command import FAILED, USAGE
from pipeline.cli.logs import RESULTS
from pipeline.cli.output import Output
from pipeline.cli.terminal import shows_bars
from pipeline.postgres.database import Database
from pipeline.tables.described import bring_up_to_date, only_adds_tables, wanted_tables
from pipeline.waiting import retry_at_start, retry_transient

logger = logging.getLogger(__name__)
results = logging.getLogger(RESULTS)


def run(state: Path | None, workers: int, environment: Mapping[str, str], options: Sequence[str]) -> int:
    """Runs producer, `workers` workers and exporter to the end; returns the exit code of the first that failed.

    DATABASE_URL and REDIS_URL in `environment` name the servers. If one is missing, embedded servers run for the block,
    with their state in `state` (default: default_folder.path). All stages get `options`. A dry run leaves tables that
    are there as they are, and makes new ones only in the embedded database. Raises SettingsError before anything is
    started or loaded, and PipelineError if a stage was killed or workers end again and again.
    """
    remedies.current = remedies.of_run(str(state) if state else None)
    stages.read_modules()
    _check_settings(environment)
    wanted = wanted_tables(Path(environment["DATA_DIR"]))
    with with_servers(environment, state) as settings:
        if state:
            settings["PIPELINE_STATE"] = str(state)  # for remedies
        database = Database(settings["DATABASE_URL"], "schema")
        is_embedded, is_dry_run = "DATABASE_URL" not in environment, settings.get("DRY_RUN") == "True"
        retry_at_start(database.connect, "DATABASE_URL")
        if not is_dry_run or (is_embedded and only_adds_tables(database, wanted)):
            retry_transient(partial(bring_up_to_date, database, wanted))
        logger.info("database: %s", f"embedded, in {_state_folder(state)}" if is_embedded else database.address)
        if is_dry_run:
            with stages.StageProcesses(settings, options) as crew:
                return crew.outcome("producer")
        start = time.monotonic()
        with _screen(database) as output, stages.StageProcesses(settings, options, output) as crew:
            crew.start_workers(workers)
            code = crew.outcome("producer") or _after_load(crew.outcome("exporter"))
            seconds = time.monotonic() - start
            results.info("run ended after %.1f s", seconds, extra={"seconds": seconds, "exit_code": code})
            return code


@contextmanager
def _screen(database: Database) -> Iterator[Output | None]:
    """Shows the loads on a terminal, and yields what the stages print into; None elsewhere."""
    if not shows_bars():
        yield None
        return
    from pipeline.cli.load_screen import load_screen  # reads rich, which takes a tenth of a second

    with load_screen(database.another()) as output:
        yield output


@contextmanager
def with_servers(
    environment: Mapping[str, str], state: Path | None, *, must_exist: bool = False
) -> Iterator[dict[str, str]]:
    """The environment with both URLs. For a missing URL, embedded servers run for the block.

    Raises SettingsError if `must_exist` and there is no state of such servers.
    """
    with ExitStack() as stack:
        settings = dict(environment)
        if not {"DATABASE_URL", "REDIS_URL"} <= settings.keys():
            # Importing them takes as long as the rest of a run that changes nothing.
            from pipeline.embedded import default_folder, servers, state_folder, watch

            if must_exist:
                state_folder.check_exists(_state_folder(state))
            folder = state or default_folder.prepare()
            embedded = stack.enter_context(servers.running(folder))
            stack.enter_context(watch.watched(embedded.fault))
            settings.setdefault("DATABASE_URL", embedded.database_url)
            settings.setdefault("REDIS_URL", embedded.redis_url)
        yield settings


def _state_folder(state: Path | None) -> Path:
    from pipeline.embedded import default_folder

    return state or default_folder.path()


def _after_load(code: int) -> int:
    """The exporter's exit code for the run. Its 2 becomes 1: a run's 2 says that nothing was changed."""
    return FAILED if code == USAGE else code


def _check_settings(environment: Mapping[str, str]) -> None:
    """Raises SettingsError for settings that producer or exporter would refuse."""
    from exporter.output import check_writable  # read while the process of the stages reads the same modules
    from exporter.report import find_reports
    from producer.sources import find_sources

    data, output = Path(environment["DATA_DIR"]), Path(environment["OUTPUT_DIR"])
    find_sources(data, ())
    check_writable(output)
    find_reports(output, data, Path(environment["REPORTS_DIR"]) if "REPORTS_DIR" in environment else None)
