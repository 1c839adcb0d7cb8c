"""What all commands have in common: their settings, their errors in one line, their exit codes."""

import logging
import math
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from pipeline import __version__, credentials, ledger, logs, stop
from pipeline.database import Database, cut_connections
from pipeline.errors import PipelineError, SettingsError
from pipeline.limits import RowLimit
from pipeline.terminal import echo
from pipeline.waiting import START_TIMEOUT, at_start, limit_start, limit_waits, patiently

if TYPE_CHECKING:
    from pipeline.queue import ChunkQueue

FAILED = 1  # exit code
INTERRUPTED = 130  # exit code
TERMINATED = 143  # exit code
USAGE = 2  # exit code
PROBLEMS_FOUND = 3  # exit code
TIMED_OUT = 4  # exit code
LONGEST_WAIT = 1_000_000_000  # seconds

F = TypeVar("F", bound=Callable[..., Any])


class PositiveNumber(click.IntRange):
    """A whole number from 1 on; what is none is refused in plain words."""

    def __init__(self) -> None:
        super().__init__(min=1)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"'{value}' is not a whole number from 1 on.", param, ctx)


class Seconds(click.FloatRange):
    """A number of seconds, refused in plain words as well."""

    def __init__(self) -> None:
        super().__init__(min=0, max=LONGEST_WAIT)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"'{value}' is not a number from 0 to {LONGEST_WAIT:,}.", param, ctx)


class Commands(click.Group):
    """Commands, which the message about an unknown one lists."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            names = ", ".join(self.list_commands(ctx))
            raise click.UsageError(f"{error.message} Commands: {names}.", ctx) from error


def setting(flag: str, variable: str, **attributes: Any) -> Callable[[F], F]:
    """A setting: from its flag, else from its environment variable, else its default; all shown by --help."""
    attributes.setdefault("show_default", attributes.get("default") is not None)
    return click.option(flag, envvar=variable, show_envvar=True, **attributes)


def database_url(*, required: bool = True) -> Callable[[F], F]:
    example = "postgresql://user:password@host:5432/name"
    return _url("--database-url", "DATABASE_URL", "PostgreSQL", ("postgresql", "postgres"), example, required)


def redis_url(*, required: bool = True) -> Callable[[F], F]:
    server, example = "Redis 6.2 or later, or Valkey", "redis://:password@host:6379/0"
    return _url("--redis-url", "REDIS_URL", server, ("redis", "rediss", "unix"), example, required)


def _url(
    flag: str, variable: str, server: str, schemes: tuple[str, ...], example: str, required: bool
) -> Callable[[F], F]:
    """A server's URL; where flag and variable are not set, from the file that VARIABLE_FILE names."""

    def find(context: click.Context, parameter: click.Parameter, url: str | None) -> str | None:
        is_empty = url == "" or os.environ.get(variable) == ""
        url = url or credentials.from_file(variable)
        if url:
            credentials.check_url(variable, url, schemes, example)
            url = credentials.with_password(variable, url)
        elif is_empty and not required:
            raise SettingsError(
                f"{variable}: it is empty; unset it for the embedded server, or give a URL like {example}"
            )
        elif required:
            raise click.MissingParameter(ctx=context, param=parameter)
        return url

    return setting(
        flag,
        variable,
        callback=find,
        metavar="URL",
        help=f"{server}, such as {example}; else read from the file that {variable}_FILE names. Its password may"
        f" stand by itself in {variable.removesuffix('_URL')}_PASSWORD, or in the file which that with _FILE names."
        + ("  [required]" if required else "  [default: embedded]"),
    )


def _checked_queue_name(context: click.Context, parameter: click.Parameter, name: str) -> str:
    if not re.fullmatch("[A-Za-z0-9_-]{1,64}", name):
        message = f"'{name}' is not a name of 1 to 64 letters, digits, _ and -"
        raise click.BadParameter(message, ctx=context, param=parameter)
    return name


queue_name = setting(
    "--queue-name",
    "QUEUE_NAME",
    default="chunks",
    callback=_checked_queue_name,
    metavar="NAME",
    help="Name of the queue in Redis. Databases that share a Redis need a queue each.",
)


def queue_of(database: Database, redis_url: str, name: str) -> "ChunkQueue":
    """The queue of a database's chunks.

    Raises SettingsError if one of the servers cannot be used, DrainTimeoutError if it does not serve in time.
    """
    from pipeline.queue import ChunkQueue  # reads Redis' and RQ's modules, which few commands need

    def installation() -> str:
        with database.transaction() as tx:
            return ledger.installation(tx)

    check(database)
    own = patiently(installation)
    return at_start(lambda: ChunkQueue.at(redis_url, name, own), "REDIS_URL")


def check(database: Database) -> None:
    """Promises what Database.check does; waits START_TIMEOUT for a server that does not serve."""
    at_start(database.check, "DATABASE_URL")


def folder(flag: str, variable: str, default: str | None, text: str) -> Callable[[F], F]:
    return setting(flag, variable, default=default, type=click.Path(path_type=Path), metavar="DIR", help=text)


data_dir = folder("--data", "DATA_DIR", "data", "Folder of the CSV files.")
encoding = setting(
    "--encoding",
    "ENCODING",
    multiple=True,
    metavar="[FILE=]NAME",
    help="Encoding of all CSV files, such as latin-1, or of one, such as people-3.csv=latin-1; kept for later runs."
    "  [default: as given in an earlier run, else utf-8, or utf-16 if a file begins with its mark]",
)
chunk_rows = setting(
    "--chunk-rows",
    "CHUNK_ROWS",
    type=PositiveNumber(),
    metavar="ROWS",
    help="Rows in a chunk, of loads that are new.  [default: 20000, fewer for a small file]",
)
queue_limit = setting(
    "--queue-limit",
    "QUEUE_LIMIT",
    type=PositiveNumber(),
    default=32,
    metavar="CHUNKS",
    help="Chunks that may wait on the queue; the producer pauses at this number.",
)


def _limit_waits(context: click.Context, parameter: click.Parameter, seconds: float) -> float:
    if math.isnan(seconds):
        raise click.BadParameter("nan is not a number of seconds.", context, parameter)
    limit_waits(seconds)
    return seconds


drain_timeout = setting(
    "--drain-timeout",
    "DRAIN_TIMEOUT",
    type=Seconds(),
    default=3600,
    callback=_limit_waits,
    metavar="SECONDS",
    help="How long the exporter waits for the loads to be complete, the producer for room on the queue, and both"
    " for a server that does not answer.",
)


def _limit_start(context: click.Context, parameter: click.Parameter, seconds: float) -> None:  # noqa: ARG001
    limit_start(seconds)


start_timeout = setting(
    "--start-timeout",
    "START_TIMEOUT",
    type=click.FloatRange(min=0, max=LONGEST_WAIT),
    default=START_TIMEOUT,
    show_default=True,
    callback=_limit_start,
    expose_value=False,
    metavar="SECONDS",
    help="How long to wait, at the start, for a server that does not serve yet.",
)


def _row_limit(context: click.Context, parameter: click.Parameter, text: str | None) -> RowLimit | None:  # noqa: ARG001
    try:
        return RowLimit.parse(text) if text else None
    except ValueError as error:
        raise SettingsError(f"{parameter.envvar}: {error}") from None


max_rejects = setting(
    "--max-rejects",
    "MAX_REJECTS",
    metavar="N|N%",
    callback=_row_limit,
    help="Rejected rows that are too many.  [default: no limit, but 50% in a new version of a loaded file"
    " that has fewer good rows]",
)
max_shrink = setting(
    "--max-shrink",
    "MAX_SHRINK",
    metavar="N|N%",
    callback=_row_limit,
    help="Loaded rows that a new version of a file may have fewer; those that --forget-missing removes do not count."
    "  [default: no limit]",
)
allow_empty = setting(
    "--allow-empty", "ALLOW_EMPTY", is_flag=True, help="Take a new version without a good row: delete what is loaded."
)
dry_run = setting(
    "--dry-run", "DRY_RUN", is_flag=True, help="Say what a run would insert, update, delete and reject; change nothing."
)
forget_missing = setting(
    "--forget-missing",
    "FORGET_MISSING",
    is_flag=True,
    help="Remove the rows and loads of files that the data folder no longer holds, if no other file is refused.",
)
version = click.version_option(__version__, message="%(prog)s (csv-queue-pipeline) %(version)s")
FORGET = "Remove a source's rows and loads instead, such as people.csv; may be given several times."


def logging_options(command: F) -> F:
    """Adds --log-format and --debug, and configures logging with them before the command runs."""

    def remember(context: click.Context, parameter: click.Parameter, log_format: str) -> None:  # noqa: ARG001
        context.meta["log_format"] = log_format

    def configure(context: click.Context, parameter: click.Parameter, debug: bool) -> None:  # noqa: ARG001
        context.meta["debug"] = debug
        logs.configure(context.meta["log_format"], debug=debug)

    command = click.option(
        "--debug",
        is_flag=True,
        expose_value=False,
        callback=configure,
        help="Log every chunk; show tracebacks.",
    )(command)
    return setting(
        "--log-format",
        "LOG_FORMAT",
        type=click.Choice(logs.FORMATS),
        default="text",
        is_eager=True,
        expose_value=False,
        callback=remember,
        help="Form of the log lines on stderr.",
    )(command)


def logging_arguments() -> list[str]:
    """What makes another command log like the one that runs."""
    meta = click.get_current_context().meta
    return ["--log-format", meta["log_format"], *(["--debug"] if meta["debug"] else [])]


def run(
    command: click.Command,
    name: str,
    *,
    ends_in_time: bool = False,
    sigterm_code: int = TERMINATED,
    is_stage_of_run: bool = False,
) -> NoReturn:
    """Runs a command to its end and exits with the code that the README states for each outcome.

    With `ends_in_time` the process ends a few seconds after it was told to stop, whatever it waits for.
    `sigterm_code` is the exit code for SIGTERM: 0 for a worker, which is done when it is told to stop. A stage of
    `pipeline run` is told by the run, which says why, and what to do.
    """
    exit_codes: dict[int, int] = {signal.SIGTERM: sigterm_code, signal.SIGINT: INTERRUPTED}
    try:
        stop.listen(cut_connections, exit_codes if ends_in_time else None)
        code = _exit_code(command, name)
        stop.hear_no_more()
    except stop.Stopped as stopped:
        code = exit_codes[stopped.number]
        if stopped.number == signal.SIGINT:
            if _log_format() == "text":
                echo("", err=True)  # below the ^C that the terminal shows
            _fail("interrupted; run it again to go on", code, stopped)
        elif not is_stage_of_run:
            logging.getLogger("pipeline").info("told to stop; run it again to go on")
    for number in stop.SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # while Python ends, it would have the process killed
    sys.exit(code)


def _exit_code(command: click.Command, name: str) -> int:
    try:
        return command.main(prog_name=name, standalone_mode=False, max_content_width=100) or 0
    except click.ClickException as error:
        return _fail(" ".join(error.format_message().split()), USAGE, error)
    except PipelineError as error:
        return _fail(str(error), error.exit_code, error)
    except Exception as error:
        return _fail(f"unexpected {type(error).__name__}: {error}; --debug shows where", 1, error)


def _fail(message: str, code: int, error: BaseException) -> int:
    debug = "--debug" in sys.argv
    if _log_format() == "json":
        logs.configure("json", debug=debug)
        logging.getLogger("pipeline").error(message, exc_info=error if debug else None)
        return code
    if debug:
        echo(*"".join(traceback.format_exception(error)).rstrip().split("\n"), err=True)
    echo(f"error: {message}", err=True)
    return code


def _log_format() -> str:
    """The form of error lines, also before click has read the command line, or when it cannot."""
    for argument, value in pairwise([*sys.argv, ""]):
        if "--log-format" in (argument, argument.partition("=")[0]):
            return argument.partition("=")[2] or value
    return os.environ.get("LOG_FORMAT", "text")
