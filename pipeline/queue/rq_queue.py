"""RQ's queue, made safe against what others may have written into it."""

import logging
import re
from collections.abc import Iterable
from typing import Any

from redis import Redis
from rq import Queue
from rq.intermediate_queue import IntermediateQueue
from rq.job import Job
from rq.serializers import JSONSerializer

from pipeline.queue.job import QUEUE_NAME, ChunkJob

MAINTENANCE_LOCK = 5  # seconds that one worker at a time has for maintenance; RQ's 899 outlive a killed holder
JOB_ID = re.compile(rb"[A-Za-z0-9_-]{1,200}")
EXECUTION = re.compile(rb"[A-Za-z0-9_-]{1,200}:[A-Za-z0-9_-]{1,200}")  # job id and execution id

logger = logging.getLogger(__name__)


class Chunks(Queue):
    """The queue as RQ sees it; `rq --queue-class pipeline.queue.Chunks` reads jobs by its rules too.

    Always of ChunkJobs and of JSON, whatever it is asked for: RQ's default would unpickle.
    """

    def __init__(self, name: str = QUEUE_NAME, connection: "Redis | None" = None, **options: Any) -> None:
        options |= {"job_class": ChunkJob, "serializer": JSONSerializer}
        super().__init__(name, connection=connection, **options)

    @classmethod
    def lmove(cls, connection: "Redis", queue_key: str, timeout: int | None) -> tuple[str, bytes] | None:
        """Takes the next job id; what cannot be one is dropped."""
        while taken := super().lmove(connection, queue_key, timeout):
            if JOB_ID.fullmatch(taken[1]):
                return taken  # type: ignore[no-any-return]
            _drop(connection, queue_key, taken[1])
        return None

    @classmethod
    def _fetch_dequeued_job(cls, *arguments: Any, **options: Any) -> tuple[Job, Queue] | None:
        taken = super()._fetch_dequeued_job(*arguments, **options)
        if taken is None:
            connection, queue_key, job_id = arguments
            _drop(connection, queue_key, job_id.encode())
        return taken

    def acquire_maintenance_lock(self) -> bool:
        return bool(self.connection.set(self.registry_cleaning_key, 1, nx=True, ex=MAINTENANCE_LOCK))

    def drop_malformed_entries(self) -> None:
        """Removes entries that RQ's maintenance could not read."""
        entries: Iterable[Any] = self.connection.lrange(self.intermediate_queue_key, 0, -1)
        for entry in entries:
            if not JOB_ID.fullmatch(entry):
                _drop(self.connection, self.key, entry)
        started = self.started_job_registry.key
        executions: Iterable[Any] = self.connection.zrange(started, 0, -1)
        for entry in executions:
            if not EXECUTION.fullmatch(entry):
                self.connection.zrem(started, entry)
                logger.warning("an entry of the StartedJobRegistry is not a job's and is dropped: %r", entry[:50])

    def put_back(self, job_id: str) -> None:
        """Puts a job from the intermediate list, whose worker never began with it, back on the queue."""
        with self.connection.pipeline(transaction=True) as pipe:
            pipe.lrem(self.intermediate_queue_key, 1, job_id)
            pipe.rpush(self.key, job_id)
            pipe.execute()


def _drop(connection: "Redis", queue_key: str, entry: Any) -> None:
    connection.lrem(IntermediateQueue.get_intermediate_queue_key(queue_key), 1, entry)
    logger.warning("an entry of the queue has no job and is dropped: %r", entry[:50])
