"""RQ's queue, made safe against what others may have written into it."""

import logging
import re
import time
from typing import Any, ClassVar

from redis import Redis
from redis.client import Pipeline
from rq import Queue
from rq.exceptions import InvalidJobOperation, NoSuchJobError, StopRequested
from rq.intermediate_queue import IntermediateQueue
from rq.job import Job, JobStatus
from rq.job_lifecycle import record_job_failure
from rq.results import Result
from rq.serializers import JSONSerializer

from pipeline.queue.job import RETRIES, ChunkJob

MAINTENANCE_LOCK = 5  # seconds that one worker at a time has for maintenance; RQ's 899 outlive a killed holder
JOB_ID = re.compile(rb"[A-Za-z0-9_-]{1,8000}")  # of a hundred small chunks: about 3,000
EXECUTION = re.compile(JOB_ID.pattern + rb":[A-Za-z0-9_-]{1,200}")  # job id and execution id

LONGEST_SHOWN = 200  # bytes of an entry
DROPS_NAMED = 3  # between two looks for abandoned chunks
ABANDONED = (
    "AbandonedJobError: the worker that had it is gone: killed, perhaps because it was out of memory, or cut off"
)
FAILURES_KEPT = 64  # failed jobs; the producer brings the chunks of others back as well
REQUEUE_DEQUEUED = "if redis.call('LREM', KEYS[1], 1, ARGV[1]) > 0 then redis.call('RPUSH', KEYS[2], ARGV[1]) end"
BRING_FORWARD = """
local found = redis.call('LREM', KEYS[1], 1, ARGV[1])
if found > 0 then redis.call('LPUSH', KEYS[1], ARGV[1]) end
return found
"""

logger = logging.getLogger(__name__)


class RqChunkQueue(Queue):
    """The queue as RQ sees it; `rq --queue-class pipeline.queue.RqChunkQueue` reads jobs by its rules too.

    Always of ChunkJobs and of JSON, also if asked for others: RQ's default would unpickle.
    """

    def __init__(self, name: str, connection: "Redis | None" = None, **options: Any) -> None:
        options |= {"job_class": ChunkJob, "serializer": JSONSerializer}
        super().__init__(name, connection=connection, **options)

    is_waiting: ClassVar = False  # for a job, in this process: the one moment at which a signal may raise
    is_stopped: ClassVar = False

    @classmethod
    def lmove(cls, connection: "Redis", queue_key: str, timeout: int | None) -> tuple[str, bytes] | None:
        """Takes the next job id; what cannot be one is dropped. Raises StopRequested when told to stop."""
        while taken := cls._next(connection, queue_key, timeout):
            if JOB_ID.fullmatch(taken[1]):
                return taken
            _drop(connection, queue_key, taken[1])
        return None

    @classmethod
    def _next(cls, connection: "Redis", queue_key: str, timeout: int | None) -> tuple[str, bytes] | None:
        RqChunkQueue.is_waiting = True
        try:
            if RqChunkQueue.is_stopped:
                raise StopRequested
            return super().lmove(connection, queue_key, timeout)  # type: ignore[no-any-return]
        except StopRequested:
            connection.connection_pool.disconnect()  # the reply may still come, and is not the next command's
            raise
        finally:
            RqChunkQueue.is_waiting = False

    @classmethod
    def _fetch_dequeued_job(cls, *arguments: Any, **options: Any) -> tuple[Job, Queue] | None:
        taken = super()._fetch_dequeued_job(*arguments, **options)
        if taken is None:
            connection, queue_key, job_id = arguments
            _drop(connection, queue_key, job_id.encode())
            return None
        job, queue = taken
        job.origin = queue.name  # not the one that the job names
        return job, queue

    def fetch_job(self, job_id: str) -> Job | None:
        """A job of this queue, even if it names another; None if there is no such job."""
        try:
            job = self.job_class.fetch(job_id, connection=self.connection, serializer=self.serializer)
        except NoSuchJobError:
            self.remove(job_id)
            return None
        job.origin = self.name
        return job

    def acquire_maintenance_lock(self) -> bool:
        key = self.registry_cleaning_key
        if self.connection.pttl(key) > MAINTENANCE_LOCK * 1000 or self.connection.pttl(key) == -1:
            self.connection.delete(key)  # no worker's: theirs expire
        return bool(self.connection.set(key, 1, nx=True, ex=MAINTENANCE_LOCK))

    def abandoned(self) -> list[bytes]:
        """Job ids, each with the id of an execution, whose worker's heartbeats have stopped."""
        connection: Any = self.connection
        return list(connection.zrangebyscore(self.started_job_registry.key, "-inf", time.time()))

    def reclaim(self, entry: bytes) -> None:
        """Requeues an abandoned job, or records its failure if it has no retries left."""
        job_id, _, _ = entry.decode(errors="replace").partition(":")
        with self.connection.pipeline(transaction=True) as pipe:
            if EXECUTION.fullmatch(entry) and (job := self.fetch_job(job_id)):
                if job.get_status(refresh=False) == JobStatus.STARTED:  # else it has ended, or has not begun
                    if job.retries_left:
                        job.retry(self, pipe)
                    else:
                        record_job_failure(job, ABANDONED, pipe)
            else:
                _dropped.add(entry)
            pipe.zrem(self.started_job_registry.key, entry)
            pipe.execute()

    def dequeued(self) -> list[bytes]:
        """Job ids that are dequeued and not started."""
        connection: Any = self.connection
        return list(connection.lrange(self.intermediate_queue_key, 0, -1))

    def requeue_dequeued(self, job_id: bytes) -> None:
        """Requeues a dequeued job, unless it was started meanwhile."""
        if JOB_ID.fullmatch(job_id):
            self.connection.eval(REQUEUE_DEQUEUED, 2, self.intermediate_queue_key, self.key, job_id)
        else:
            _drop(self.connection, self.key, job_id)

    def bring_forward(self, job_id: str) -> bool:
        """Makes a job that is on the queue the next one to be taken; returns whether it is on the queue."""
        return bool(self.connection.eval(BRING_FORWARD, 1, self.key, job_id))

    def requeue(self, job: Job, pipeline: "Pipeline") -> None:
        """Requeues a job as if it had never been dequeued; all its retries are left."""
        self._enqueue_job(job, pipeline=pipeline)

    def retry(self, job_id: str) -> bool:
        """Puts a failed job back on the queue, with all its retries; returns whether it was there and failed."""
        job = self.fetch_job(job_id)
        if job is None:
            return False
        job.retries_left = RETRIES
        try:
            self.failed_job_registry.requeue(job)
        except InvalidJobOperation:  # another process did so just now
            return False
        return True

    def log_dropped(self) -> None:
        """Logs how many entries without a job were dropped since it was called last, beyond those that were named."""
        _dropped.log()

    def forget_oldest_failures(self) -> None:
        """Keeps the 64 failed jobs that expire last: each has its rows, and memory must not grow with their number.

        Jobs that failed because of another one expire before that one.
        """
        connection: Any = self.connection
        registry = self.failed_job_registry.key
        for entry in connection.zrange(registry, 0, -FAILURES_KEPT - 1):
            job_id = entry.decode(errors="replace")
            connection.delete(Job.key_for(job_id), Result.get_key(job_id))
            connection.zrem(registry, entry)

    def delete_forged_keys(self, job_id: str) -> None:
        """Removes what a forger may have put in the way of executing a job; a job of the producer's has none of it."""
        job = Job(job_id, connection=self.connection, serializer=JSONSerializer)
        self.connection.delete(job.dependents_key, job.dependencies_key, job.execution_registry.key)

    def move_dependents_to_ready(self, *_: Any, **__: Any) -> dict[str, list[str]]:
        return {}  # no job here has dependents

    def enqueue_dependents(self, *_: Any, **__: Any) -> dict[str, list[str]]:
        return {}


def _drop(connection: "Redis", queue_key: str, entry: Any) -> None:
    connection.lrem(IntermediateQueue.get_intermediate_queue_key(queue_key), 1, entry)
    _dropped.add(entry)


class DroppedEntries:
    """Entries of the queue that had no job: the first few are logged one by one, others as a number."""

    def __init__(self) -> None:
        self._count = 0

    def add(self, entry: bytes) -> None:
        self._count += 1
        if self._count <= DROPS_NAMED:
            shown = entry[:LONGEST_SHOWN].decode(errors="replace")
            logger.warning("an entry of the queue has no job and is dropped: %s", shown)

    def log(self) -> None:
        """Logs how many more there were, and counts from 0 again."""
        if self._count > DROPS_NAMED:
            logger.warning("%d more entries of the queue had no job and were dropped", self._count - DROPS_NAMED)
        self._count = 0


_dropped = DroppedEntries()
