"""`monitor`, or `python -m monitor`: the live page, its JSON, and metrics."""

import logging
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import click
import uvicorn
from starlette.applications import Starlette

from monitor.app import create
from monitor.live_status import LiveStatus
from monitor.protection import check_address
from pipeline import credentials, signals
from pipeline.cli import command, settings
from pipeline.cli.numbers import Port
from pipeline.cli.run import with_servers
from pipeline.errors import SettingsError
from pipeline.postgres.database import Database
from pipeline.status.status import StatusReader

EXAMPLES = """\b
Examples:
  python -m monitor
  python -m monitor --port 9000
  MONITOR_PASSWORD=... python -m monitor --host 0.0.0.0
"""
STOP_TIMEOUT = 3  # seconds that requests have to end when the monitor is told to stop

logger = logging.getLogger("monitor")


@click.command(epilog=EXAMPLES)
@settings.setting("--host", "MONITOR_HOST", default="127.0.0.1", metavar="ADDRESS", help="Address to listen on.")
@settings.setting(
    "--port",
    "MONITOR_PORT",
    type=Port(),
    default=8080,
    metavar="PORT",
    help="Port; 0 takes a free one.",
)
@settings.database_url(required=False)
@settings.redis_url(required=False)
@settings.queue_name
@settings.queue_limit
@settings.state
@settings.start_timeout
@settings.version
@settings.logging_options
def main(
    host: str,
    port: int,
    database_url: str | None,
    redis_url: str | None,
    queue_name: str,
    queue_limit: int,
    state: Path | None,
) -> None:
    """Show the pipeline at work, in a browser and to Prometheus, until told to stop.

    Without DATABASE_URL and REDIS_URL, it shows the embedded servers of `pipeline run`, and keeps them running.

    With MONITOR_PASSWORD, or a file that MONITOR_PASSWORD_FILE names, the page asks for that password; any user name
    works.
    """
    password = credentials.from_environment("MONITOR_PASSWORD")  # without a flag: those stand in lists of processes
    check_address(host, password)
    urls = {name: url for name, url in (("DATABASE_URL", database_url), ("REDIS_URL", redis_url)) if url}
    with with_servers(urls, state, must_exist=True) as environment:
        database = Database(environment["DATABASE_URL"], "monitor", read_only=True)
        queue = command.queue_of(database, environment["REDIS_URL"], queue_name)
        live = LiveStatus(StatusReader(database, lambda: queue, queue_limit), queue)
        _serve(create(live, database, password), host, port)


def _serve(app: Starlette, host: str, port: int) -> None:
    config = uvicorn.Config(
        app, host, port, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=STOP_TIMEOUT
    )
    try:
        with suppress(signals.Stopped):  # also Ctrl-C: that is how it is meant to end
            Server(config).run()
    except SystemExit as error:  # uvicorn has logged why it cannot listen
        raise SettingsError(f"MONITOR_PORT: cannot listen on {host} port {port}; name another with --port") from error


class Server(uvicorn.Server):
    """Logs the page's address once it listens: PAGE_URL, which the host of a container knows, or its own."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if published := os.environ.get("PAGE_URL"):
            logger.info("the page is on %s", published)
            return
        for listening in self.servers:
            for each in listening.sockets:
                address, port, *_ = each.getsockname()
                logger.info("the page is on http://%s:%d", f"[{address}]" if ":" in address else address, port)


def run(name: str = "monitor") -> NoReturn:
    """Runs the command under the name that it was called by."""
    command.run(main, name, sigterm_code=0)


if __name__ == "__main__":
    run("python -m monitor")
