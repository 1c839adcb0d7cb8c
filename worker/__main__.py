"""`python -m worker`: from chunks on the queue to rows in PostgreSQL."""

import logging

import click

from pipeline import command
from pipeline.database import Database
from pipeline.queue import ChunkQueue
from worker.load import ChunkLoader

EXAMPLES = """\b
Examples:
  python -m worker
  LOG_FORMAT=json python -m worker
"""

logger = logging.getLogger("worker")


@click.command(epilog=EXAMPLES)
@command.database_url()
@command.redis_url()
@command.logging_options
def main(database_url: str, redis_url: str) -> None:
    """Load chunks until told to stop. Start as many workers as you like, on any machine.

    SIGTERM and Ctrl-C end it after the chunk in hand.
    """
    database = Database(database_url, "worker")
    database.check()
    queue = ChunkQueue.at(redis_url)
    logger.info("worker ready")
    queue.work(ChunkLoader(database).load_chunk)
    logger.info("worker stopped")


if __name__ == "__main__":
    command.run(main, "python -m worker")
