"""`monitor`, or `python -m monitor`: the live page, its JSON, and metrics."""

import logging
import socket
from typing import NoReturn

import click
import uvicorn

from monitor.app import create
from monitor.live_status import LiveStatus
from monitor.protection import check_address
from pipeline import credentials
from pipeline.cli import command, settings
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
    type=click.IntRange(0, 65535),
    default=8080,
    metavar="PORT",
    help="Port; 0 takes a free one.",
)
@settings.database_url()
@settings.redis_url()
@settings.queue_name
@settings.queue_limit
@settings.start_timeout
@settings.version
@settings.logging_options
def main(host: str, port: int, database_url: str, redis_url: str, queue_name: str, queue_limit: int) -> None:
    """Show the pipeline at work, in a browser and to Prometheus, until told to stop.

    If the environment variable MONITOR_PASSWORD is set, or else MONITOR_PASSWORD_FILE names a file, the page asks for
    the password that it holds; any user name will do.
    """
    password = credentials.from_environment("MONITOR_PASSWORD")  # without a flag: those stand in lists of processes
    check_address(host, password)
    database = Database(database_url, "monitor", read_only=True)
    queue = command.queue_of(database, redis_url, queue_name)
    app = create(LiveStatus(StatusReader(database, queue, queue_limit), queue), database, password)
    config = uvicorn.Config(
        app, host, port, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=STOP_TIMEOUT
    )
    try:
        Server(config).run()
    except SystemExit as error:  # uvicorn has logged why it cannot listen
        raise SettingsError(f"MONITOR_PORT: cannot listen on {host} port {port}; name another with --port") from error


class Server(uvicorn.Server):
    """Says where it listens once it does."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listening in self.servers:
            for each in listening.sockets:
                address, port, *_ = each.getsockname()
                logger.info("the page is on http://%s:%d", f"[{address}]" if ":" in address else address, port)


def run(name: str = "monitor") -> NoReturn:
    """Runs the command under the name that it was called by."""
    command.run(main, name, sigterm_code=0)


if __name__ == "__main__":
    run("python -m monitor")
