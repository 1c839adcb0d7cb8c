"""The only module that speaks Redis and RQ: chunks go onto the queue, workers take them off."""

import logging
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import redis
from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry as ConnectionRetry
from rq import Queue, Retry, SimpleWorker
from rq.exceptions import DuplicateJobError
from rq.executions import Execution
from rq.job import Job
from rq.results import Result
from rq.serializers import JSONSerializer
from rq.utils import now
from rq.worker_registration import WORKERS_BY_QUEUE_KEY

from pipeline.errors import OutOfOrderError, PipelineError, SettingsError
from pipeline.ledger import MissingChunk

QUEUE_NAME = "chunks"
TASK = "load_chunk"  # the one function that a job may name
RETRIES = 5  # of a chunk, by RQ, before it is put into the FailedJobRegistry
CHUNK_TIMEOUT = 300  # seconds that one attempt at a chunk may take

HEARTBEAT_INTERVAL = 5  # seconds, while a chunk is being loaded
HEARTBEAT_TTL = 15  # seconds without a heartbeat after which a chunk counts as abandoned
MAINTENANCE_INTERVAL = 5  # seconds between looks for abandoned chunks
WORKER_TTL = 20  # seconds; an idle worker looks up from the queue 15 s before it ends
CONNECT_TIMEOUT = 5  # seconds

LoadChunk = Callable[[int, int, str], None]  # load, chunk number, text of the rows
logger = logging.getLogger(__name__)


def answers(url: str) -> bool:
    """Whether a server at `url` answers now, for its password."""
    try:
        with Redis.from_url(url, socket_connect_timeout=1, socket_timeout=CONNECT_TIMEOUT, retry=None) as connection:
            return bool(connection.ping())
    except redis.RedisError:
        return False


@dataclass(frozen=True)
class QueueState:
    """What Redis knew at one moment."""

    under_way: frozenset[str]  # job ids that are queued, being moved, being loaded or scheduled
    failed: frozenset[str]  # job ids in the FailedJobRegistry
    workers: int


class ChunkJob(Job):
    """A job that is data: its arguments are JSON, and it can call nothing but the worker's own task."""

    task: LoadChunk | None = None

    @property
    def func(self) -> LoadChunk:
        if self.func_name != TASK or self.task is None:
            raise PipelineError(f"job {self.id} asks for {self.func_name!r}; only {TASK!r} is run")
        return self.task

    def _execute(self) -> Any:
        try:
            return super()._execute()
        except OutOfOrderError:
            self.retries_left = (self.retries_left or 0) + 1  # RQ takes one off when it queues the job again
            raise

    def to_dict(self, include_meta: bool = True, include_result: bool = True) -> dict[str, Any]:
        """As RQ's, but with the rows as they are: compressing them cost 37 ms of CPU per MB, twice a job."""
        uncompressed, self._data = self.data, b""
        try:
            fields = super().to_dict(include_meta, include_result)
        finally:
            self._data = uncompressed
        return {**fields, "data": uncompressed}


class ChunkQueue:
    """The queue of chunks. One queue only: a worker on two queues can lose a job between them."""

    def __init__(self, connection: "Redis") -> None:
        self.connection = connection
        self._queue = Queue(QUEUE_NAME, connection=connection, job_class=ChunkJob, serializer=JSONSerializer)

    @classmethod
    def at(cls, url: str) -> "ChunkQueue":
        """The queue on the server at `url`; raises SettingsError, naming REDIS_URL, if it cannot be reached."""
        try:
            with Redis.from_url(url, socket_connect_timeout=CONNECT_TIMEOUT, retry=None) as probe:
                probe.ping()
        except ValueError:
            raise SettingsError("REDIS_URL is not a Redis URL; it looks like redis://:password@host:6379/0") from None
        except TypeError as error:  # the URL's parameters become arguments
            raise SettingsError(f"REDIS_URL: {error}; correct the parameter's name") from None
        except redis.RedisError as error:
            parts = urlsplit(url)
            raise SettingsError(
                f"REDIS_URL: cannot use Redis at {parts.hostname}:{parts.port or 6379}: {error};"
                " start the server or correct the setting"
            ) from None
        return cls(
            Redis.from_url(
                url,
                socket_connect_timeout=CONNECT_TIMEOUT,
                health_check_interval=10,
                retry=ConnectionRetry(ExponentialBackoff(cap=1, base=0.1), retries=5),
            )
        )

    def put(self, chunk: MissingChunk, text: str) -> None:
        """Queues a chunk that is not under way; harmless if somebody else has just queued it.

        What an earlier attempt left of the job (such as a failure) is replaced.
        """
        if not self._enqueue(chunk, text):
            state = self.state()
            if chunk.job_id not in state.under_way:
                self._discard(chunk.job_id)
                self._enqueue(chunk, text)

    def length(self) -> int:
        """Chunks that wait for a worker."""
        return int(self.connection.llen(self._queue.key))

    def state(self) -> QueueState:
        """One consistent look at all places where a chunk can be. Changes nothing, unlike RQ's own counts."""
        queue = self._queue
        with self.connection.pipeline(transaction=True) as pipe:
            pipe.lrange(queue.key, 0, -1)
            pipe.lrange(queue.intermediate_queue_key, 0, -1)
            for registry in (
                queue.scheduled_job_registry,
                queue.deferred_job_registry,
                queue.started_job_registry,
            ):
                pipe.zrange(registry.key, 0, -1)
            pipe.zrange(queue.failed_job_registry.key, 0, -1)
            pipe.smembers(WORKERS_BY_QUEUE_KEY % queue.name)
            *under_way, failed, worker_keys = pipe.execute()
        return QueueState(
            # entries of the StartedJobRegistry are job id and execution id with a colon between them
            under_way=frozenset(entry.decode().partition(":")[0] for entries in under_way for entry in entries),
            failed=frozenset(entry.decode() for entry in failed),
            workers=int(self.connection.exists(*worker_keys)) if worker_keys else 0,
        )

    def failure(self, job_id: str) -> str:
        """The last line of what a failed job reported."""
        result = Result.fetch_latest(Job(job_id, connection=self.connection, serializer=JSONSerializer))
        lines = (result.exc_string or "").strip().splitlines() if result else []
        return lines[-1] if lines else "no reason recorded"

    def work(self, load_chunk: LoadChunk, *, burst: bool = False) -> None:
        """Loads chunks with `load_chunk` until told to stop (SIGTERM, SIGINT); finishes the one in hand.

        With `burst` it ends when the queue is empty.
        """
        worker = ChunkWorker(
            [self._queue],
            name=f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:6]}",
            connection=self.connection,
            serializer=JSONSerializer,
            job_class=ChunkJob,
            worker_ttl=WORKER_TTL,
            maintenance_interval=MAINTENANCE_INTERVAL,
            job_monitoring_interval=HEARTBEAT_INTERVAL,
            log_job_description=False,
        )
        worker.task = load_chunk
        worker.work(burst=burst, logging_level=None)

    def _enqueue(self, chunk: MissingChunk, text: str) -> bool:
        job = self._queue.create_job(
            TASK,
            kwargs={"load": chunk.load, "number": chunk.plan.number, "text": text},
            job_id=chunk.job_id,
            description=str(chunk),
            timeout=CHUNK_TIMEOUT,
            result_ttl=0,  # the ledger holds the outcome; memory must not grow with finished jobs
            retry=Retry(max=RETRIES),
        )
        try:
            self._queue.enqueue_job(job, unique=True)
        except DuplicateJobError:
            return False
        return True

    def _discard(self, job_id: str) -> None:
        with self.connection.pipeline(transaction=True) as pipe:
            pipe.delete(Job.key_for(job_id), Result.get_key(job_id))
            pipe.zrem(self._queue.failed_job_registry.key, job_id)
            pipe.execute()


class ChunkWorker(SimpleWorker):
    """Loads chunks in its own process, so that connection and looked-up places last from one to the next.

    Beside each chunk runs a heartbeat; where it stops, another worker takes the chunk up.
    """

    task: LoadChunk

    def execute_job(self, job: Job, queue: Queue) -> None:
        assert isinstance(job, ChunkJob)
        job.task = self.task
        execution = self.prepare_execution(job)
        done = threading.Event()
        heartbeat = threading.Thread(target=self._send_heartbeats, args=(job, execution, done), daemon=True)
        heartbeat.start()
        try:
            self.perform_job(job, queue, execution)
        finally:
            done.set()
            heartbeat.join()
        self.set_state("idle")

    def subscribe(self) -> None:
        """Listens to no commands over Redis: SIGTERM stops a worker, not whoever can publish there."""

    def _send_heartbeats(self, job: Job, execution: Execution, done: threading.Event) -> None:
        while not done.wait(HEARTBEAT_INTERVAL):
            try:
                self.maintain_heartbeats(job, execution)
            except redis.RedisError as error:
                logger.warning("no heartbeat for %s: %s; trying again in %d s", job.id, error, HEARTBEAT_INTERVAL)

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:  # noqa: ARG002
        return HEARTBEAT_TTL

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """Says in one line what failed and what happens next. RQ would log the rows along with it."""
        if isinstance(exc_info[1], OutOfOrderError):
            logger.info("%s goes back on the queue: %s", job.description, exc_info[1])
            return
        next_step = (
            f"it will be tried again ({job.retries_left} tries left)"
            if job.retries_left
            else "it is in the FailedJobRegistry; `rq requeue` or the producer takes it up"
        )
        started = job.started_at or now()
        seconds = (now() - started).total_seconds()
        logger.error("%s failed after %.1f s: %s; %s", job.description, seconds, exc_info[1], next_step)
