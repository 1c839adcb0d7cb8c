"""Chunks of people.csv that are not loaded: none can be, or a worker waits for a table."""

from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.postgres.database import Database
from tests.conftest import PEOPLE, PLACES, Commands, Pipeline
from tests.support import wait_until


def queue_people_that_fail(pipeline: Pipeline, people: str = PEOPLE) -> None:
    """Loads places, and queues a chunk of people that fails each time it is tried."""
    pipeline.load(places=PLACES)
    pipeline.write(people=people)
    pipeline.produce()
    with pipeline.database.transaction() as tx:
        tx.run("ALTER TABLE people ADD CONSTRAINT none CHECK (given_name = 'none') NOT VALID")


@contextmanager
def busy_worker(pipeline: Pipeline, commands: Commands) -> Iterator[None]:
    """A worker with a chunk in hand that it cannot load, and another chunk on the queue."""
    pipeline.load(places=PLACES)
    pipeline.write(people=PEOPLE)
    with Database(pipeline.services.database_url, "tests").transaction() as tx:
        tx.run("LOCK TABLE people")
        pipeline.produce(chunk_rows=2)
        worker = commands.start("worker")
        wait_until(lambda: any(view.is_busy for view in pipeline.queue.view().workers))
        yield
        worker.kill()
        worker.communicate()
