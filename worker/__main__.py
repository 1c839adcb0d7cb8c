"""`worker`, or `python -m worker`: from chunks on the queue to rows in PostgreSQL."""

import logging
from typing import NoReturn

import click

from pipeline import remedies, signals
from pipeline.cli import command, settings
from pipeline.postgres.database import Database
from worker.load import ChunkLoader
from worker.memory import keep_memory
from worker.order import InOrder

EXAMPLES = """\b
Examples:
  python -m worker
  python -m worker --burst
  LOG_FORMAT=json python -m worker
"""

logger = logging.getLogger("worker")


@click.command(epilog=EXAMPLES)
@click.option("--burst", is_flag=True, help="End when the queue is empty, instead of waiting for more.")
@settings.datasets_dir()
@settings.database_url()
@settings.redis_url()
@settings.queue_name
@settings.start_timeout
@settings.version
@settings.logging_options
def main(burst: bool, database_url: str, redis_url: str, queue_name: str) -> None:
    """Load chunks until told to stop. Start as many workers as you like, on any machine.

    SIGTERM and Ctrl-C end it after the chunk in hand.
    """
    database = Database(database_url, "worker")
    queue = command.queue_of(database, redis_url, queue_name)
    keep_memory()
    logger.log(logging.DEBUG if remedies.is_of_run() else logging.INFO, "worker ready")
    loader = ChunkLoader(database, signals.requested)
    queue.work(InOrder(loader.load_chunk, queue, signals.requested).load_chunk, burst=burst)
    logger.debug("worker stopped")


def run(name: str = "worker") -> NoReturn:
    """Runs the command under the name that it was called by."""
    command.run(main, name, hard_deadline=True, sigterm_code=0)


if __name__ == "__main__":
    run("python -m worker")
