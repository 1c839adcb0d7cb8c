"""The whole pipeline on this machine: producer, workers and exporter, each a process of its own."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from pipeline import stages
from pipeline.command import FAILED, USAGE
from pipeline.database import Database
from pipeline.schema import apply_schema
from pipeline.waiting import at_start, patiently


def run(state: Path | None, workers: int, environment: Mapping[str, str], options: Sequence[str]) -> int:
    """Producer, `workers` workers and exporter to the end; returns the exit code of the first that failed.

    DATABASE_URL and REDIS_URL in `environment` name the servers; where one is not set, embedded servers
    with their state in `state` (default: the project's) are started for the run. All stages get `options`.
    Raises SettingsError before anything is started or loaded, PipelineError if a stage was killed, or workers again
    and again.
    """
    stages.read_modules()
    _check_settings(environment)
    with with_servers(environment, state) as settings:
        database = Database(settings["DATABASE_URL"], "schema")
        at_start(database.connect, "DATABASE_URL")
        patiently(partial(apply_schema, database))
        with stages.Crew(settings, options) as crew:
            if settings.get("DRY_RUN") == "True":
                return crew.outcome("producer")
            crew.start_workers(workers)
            return crew.outcome("producer") or _after_load(crew.outcome("exporter"))


@contextmanager
def with_servers(environment: Mapping[str, str], state: Path | None) -> Iterator[dict[str, str]]:
    """The environment with both URLs; where one is not set, that of an embedded server, which runs for the block."""
    with ExitStack() as stack:
        settings = dict(environment)
        if not {"DATABASE_URL", "REDIS_URL"} <= settings.keys():
            from pipeline.embedded import servers, watch  # takes as long as the rest of a run that changes nothing

            folder = state or servers.default_state()
            embedded = stack.enter_context(servers.running(folder))
            stack.enter_context(watch.watched(embedded.fault))
            settings.setdefault("DATABASE_URL", embedded.database_url)
            settings.setdefault("REDIS_URL", embedded.redis_url)
        yield settings


def _after_load(code: int) -> int:
    """The exit code of the exporter, whose 2 is not the run's: that says that nothing was changed."""
    return FAILED if code == USAGE else code


def _check_settings(environment: Mapping[str, str]) -> None:
    """Raises SettingsError for what producer or exporter would refuse."""
    from exporter.output import check_writable  # read while the process of the stages reads the same modules
    from exporter.report import find_reports
    from producer.sources import find_sources

    data, output = Path(environment["DATA_DIR"]), Path(environment["OUTPUT_DIR"])
    find_sources(data, ())
    check_writable(output)
    find_reports(output, data)
