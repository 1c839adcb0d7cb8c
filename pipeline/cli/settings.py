"""Settings of the commands. They are checked before anything starts."""

import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from pipeline import __version__, credentials
from pipeline.cli import logs
from pipeline.cli.numbers import PositiveNumber, Seconds
from pipeline.descriptions import own_sql
from pipeline.errors import SettingsError
from pipeline.limits import RowLimit
from pipeline.waiting import START_TIMEOUT, limit_start, limit_waits

F = TypeVar("F", bound=Callable[..., Any])


def setting(flag: str, variable: str, **attributes: Any) -> Callable[[F], F]:
    """A setting: its flag, or its environment variable, or its default. --help shows all three."""
    attributes.setdefault("show_default", attributes.get("default") is not None)
    return click.option(flag, envvar=variable, show_envvar=True, **attributes)


def database_url(*, required: bool = True) -> Callable[[F], F]:
    example = "postgresql://user:password@host:5432/name"
    return _url("--database-url", "DATABASE_URL", "PostgreSQL", ("postgresql", "postgres"), example, required)


def redis_url(*, required: bool = True) -> Callable[[F], F]:
    server, example = "Redis 6.2 or later, or Valkey", "redis://:password@host:6379/0"
    return _url("--redis-url", "REDIS_URL", server, ("redis", "rediss", "unix", "redis+sentinel"), example, required)


def _url(
    flag: str, variable: str, server: str, schemes: tuple[str, ...], example: str, required: bool
) -> Callable[[F], F]:
    """A server's URL, from the flag, the variable, or the file that VARIABLE_FILE names."""

    password = f"{variable.removesuffix('_URL')}_PASSWORD"

    def find(context: click.Context, parameter: click.Parameter, url: str | None) -> str | None:  # noqa: ARG001
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
            raise SettingsError(
                f"{variable}: not set; give it, or {flag}, a URL like {example};"
                " if you have no server, `pipeline run` starts its own"
            )
        return url

    return setting(
        flag,
        variable,
        callback=find,
        metavar="URL",
        help=f"{server}, such as {example}; or set {variable}_FILE to a file with the URL. The password may be in"
        f" {password} instead, or in the file that {password}_FILE names."
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


def folder(flag: str, variable: str, default: str | None, text: str) -> Callable[[F], F]:
    return setting(flag, variable, default=default, type=click.Path(path_type=Path), metavar="DIR", help=text)


state = folder(
    "--state",
    "PIPELINE_STATE",
    None,
    "Folder of the embedded servers' state.  [default: .pipeline of the checkout, else the user's]",
)
data_dir = folder("--data", "DATA_DIR", "data", "Folder of the CSV files.")


def _use_datasets_dir(context: click.Context, parameter: click.Parameter, folder: Path | None) -> Path | None:  # noqa: ARG001
    own_sql.use(folder)
    return folder


def datasets_dir(*, expose: bool = False) -> Callable[[F], F]:
    """The folder of the datasets' own SQL. It is read before the command runs."""
    return setting(
        "--datasets",
        "DATASETS_DIR",
        type=click.Path(path_type=Path),
        callback=_use_datasets_dir,
        expose_value=expose,
        metavar="DIR",
        help="Folder of your own SQL for datasets, as NAME.sql; not in the data folder.",
    )


reports_dir = setting(
    "--reports",
    "REPORTS_DIR",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of your own reports, as NAME.csv.sql or NAME.json.sql.",
)
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
    help="Rows in a chunk of a new load.  [default: 20000, fewer for a small file]",
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
    help="How long the exporter waits for the loads, and the producer for room on the queue. Both also wait so long"
    " for a server that does not answer.",
)


def _limit_start(context: click.Context, parameter: click.Parameter, seconds: float) -> None:  # noqa: ARG001
    limit_start(seconds)


start_timeout = setting(
    "--start-timeout",
    "START_TIMEOUT",
    type=Seconds(),
    default=START_TIMEOUT,
    show_default=True,
    callback=_limit_start,
    expose_value=False,
    metavar="SECONDS",
    help="How long a command waits at its start for a server that is not ready.",
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
    help="How many rejected rows are allowed.  [default: no limit, but 50% in a new version of a loaded file"
    " that has fewer good rows]",
)
max_shrink = setting(
    "--max-shrink",
    "MAX_SHRINK",
    metavar="N|N%",
    callback=_row_limit,
    help="How many loaded rows a new version of a file may drop. Files that --forget-missing removes do not count."
    "  [default: no limit]",
)
allow_empty = setting(
    "--allow-empty",
    "ALLOW_EMPTY",
    is_flag=True,
    help="Accept a new version without a good row; its loaded rows are deleted.",
)
dry_run = setting(
    "--dry-run", "DRY_RUN", is_flag=True, help="Say what a run would insert, update, delete and reject; change nothing."
)
rewrite_reports = setting(
    "--rewrite-reports",
    "REWRITE_REPORTS",
    is_flag=True,
    help="Write all reports, even those that are up to date.",
)
forget_missing = setting(
    "--forget-missing",
    "FORGET_MISSING",
    is_flag=True,
    help="Forget files that are gone from the data folder, unless another file is refused.",
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
        help="Format of the log lines on stderr.",
    )(command)


def logging_arguments() -> list[str]:
    """Options that make another command log like this one."""
    meta = click.get_current_context().meta
    return ["--log-format", meta["log_format"], *(["--debug"] if meta["debug"] else [])]
