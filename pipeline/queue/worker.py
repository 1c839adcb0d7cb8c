"""RQ's worker, made to go on after any fault, and to let others reclaim quickly what it leaves behind."""

import gc
import logging
import re
import signal
import threading
import time
from types import FrameType
from typing import Any, cast

import redis
from redis.client import Pipeline
from rq import Queue, SimpleWorker, worker_registration
from rq.exceptions import StopRequested
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.utils import now
from rq.worker import WorkerStatus

from pipeline.errors import BlockedError, BrokenSqlError, RefusedJobError, RequeueError
from pipeline.process_name import process_name
from pipeline.queue.job import LONGEST_SHOWN, ChunkJob, LoadChunk
from pipeline.queue.loop_errors import logging_errors, trying
from pipeline.queue.rq_queue import RqChunkQueue
from pipeline.waiting import Outage
from pipeline.wording import counted

HEARTBEAT_INTERVAL = 4  # seconds, while a chunk is being loaded
HEARTBEAT_TTL = 12  # seconds without a heartbeat after which a chunk counts as abandoned, and a worker as gone
MAINTENANCE_INTERVAL = 4  # seconds between looks for abandoned chunks
WORKER_TTL = 19  # seconds; RQ lets an idle worker look up from the queue 15 s before it ends
BLOCKED_TTL = 24 * 3600  # seconds that a job is kept that failed only because another chunk failed
DEQUEUED_TIMEOUT = 6  # seconds in the intermediate list, which a job leaves within milliseconds when it is started

FINAL = (BlockedError, BrokenSqlError, RefusedJobError)  # errors that are not tried again
CHUNK_KEY = re.compile(r"load-(\d{1,18})-chunk-(\d{1,9})-")  # in the id of a job, see MissingChunk.key

logger = logging.getLogger(__name__)


class ChunkWorker(SimpleWorker):
    """Loads chunks in its own process, so that connection and looked-up places last from one to the next.

    The way of a chunk: `work`, RQ's loop, dequeues a job and calls `execute_job`. RQ's `perform_job` then calls
    `ChunkJob._execute`, which calls `load_chunk` for each chunk of the job, and `_finalize_failure` if that raises.
    A heartbeat runs while a chunk is loaded; where it stops, another worker reclaims the chunk.
    """

    max_connection_wait_time = 4.0  # seconds between attempts to reach a Redis that is away

    def __init__(self, queue: RqChunkQueue, load_chunk: LoadChunk, outage: Outage) -> None:
        """`outage` is that of Redis which the worker ends when it starts."""
        super().__init__(
            [queue],
            name=process_name(),
            connection=queue.connection,
            serializer=JSONSerializer,
            job_class=ChunkJob,
            queue_class=RqChunkQueue,
            worker_ttl=WORKER_TTL,
            maintenance_interval=MAINTENANCE_INTERVAL,
            job_monitoring_interval=HEARTBEAT_INTERVAL,
            log_job_description=False,
        )
        self.stopped_by: signal.Signals | None = None
        self.has_emptied_queue = False  # only in burst mode
        self._queue = queue
        self._load_chunk = load_chunk
        self._outage = outage
        self._is_error_shown = False
        self._dequeued: dict[bytes, float] = {}  # job id in the intermediate list -> when it was first seen there
        RqChunkQueue.is_stopped = False

    # What it does with a job ------------------------------------------------------------------------

    def dequeue_job_and_maintain_ttl(self, timeout: int | None, max_idle_time: int | None = None) -> Any:
        taken = logging_errors(super().dequeue_job_and_maintain_ttl, timeout, max_idle_time)
        self.has_emptied_queue = taken is None
        return taken

    def execute_job(self, job: Job, queue: Queue) -> None:
        logging_errors(self._execute_job, job, queue)

    def _execute_job(self, job: Job, queue: Queue) -> None:
        cast(ChunkJob, job).load_chunk = self._load_chunk
        execution = self._prepared(job)
        done = threading.Event()
        heartbeat = threading.Thread(target=self._send_heartbeats, args=(job, execution, done), daemon=True)
        heartbeat.start()
        try:
            is_loaded = self.perform_job(job, queue, execution)
        finally:
            done.set()
            heartbeat.join()
        if is_loaded:
            self._show_error(None)
            self._log_success(job)
        else:
            gc.collect()  # error and frames refer to each other and hold the rows; the worker's thresholds are high
        self.set_state("idle")

    def _log_success(self, job: Job) -> None:
        """Says that a chunk is loaded of which the log has said that it failed."""
        if retries := cast(ChunkJob, job).requeued:
            after = counted(retries, "retry", "retries")
            logger.info("%s is loaded after %s", job.description, after, extra=_place(job))

    def _prepared(self, job: Job) -> Execution:
        try:
            return self.prepare_execution(job)
        except redis.ResponseError:
            self._queue.delete_forged_keys(job.id)  # the job waits in the intermediate list, and comes again
            raise

    def _finalize_failure(self, job: Job, queue: Queue, execution: Execution, exc_info: Any) -> None:
        """Decides what becomes of a job that was not loaded; nothing else does.

        RequeueError: requeued, with all its retries. Those of FINAL: failed, without a retry. Any other
        error: RQ requeues it while it has retries left, then it is failed. A job that is gone from Redis stays gone.
        """
        error = exc_info[1]
        # A late heartbeat writes a field of a job that is gone again. A forged job may never have had data.
        if not isinstance(error, RefusedJobError) and not self.connection.hexists(job.key, "data"):
            self._drop_gone(job, execution)
        elif isinstance(error, RequeueError):
            logger.debug("%s is requeued: %s", job.description, error, extra=_place(job))
            with self.connection.pipeline() as pipeline:
                self.cleanup_execution(job, pipeline, execution)
                self._queue.requeue(job, pipeline)
                pipeline.execute()
        else:
            if isinstance(error, FINAL):
                cast(ChunkJob, job).is_final = True
            if isinstance(error, BlockedError):
                job.failure_ttl = BLOCKED_TTL
            super()._finalize_failure(job, queue, execution, exc_info)

    def _drop_gone(self, job: Job, execution: Execution) -> None:
        logger.info(
            "%s: its job is gone from Redis; another worker has ended it, or Redis was emptied",
            job.description,
            extra=_place(job),
        )
        with self.connection.pipeline() as pipeline:
            self.cleanup_execution(job, pipeline, execution)
            pipeline.delete(job.key)
            pipeline.execute()

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """Says in one line what failed and what happens next. RQ would log the rows along with it."""
        error = exc_info[1]
        if isinstance(error, FINAL):
            next_step = "it is recorded in the FailedJobRegistry and not tried again"
        elif job.retries_left:
            next_step = f"it will be tried again ({counted(job.retries_left, 'retry', 'retries')} left)"
        else:
            next_step = (
                "it is in the FailedJobRegistry; correct the cause, then requeue it:"
                " on the monitor's page, with `rq requeue`, or by running the producer again"
            )
        is_tried_again = not isinstance(error, FINAL) and job.retries_left
        self._show_error(f"{job.description}: {error}" if is_tried_again else None)
        seconds = (now() - (job.started_at or now())).total_seconds()
        logger.error(
            "%s failed after %.1f s: %s; %s",
            job.description or job.id,
            seconds,
            error,
            next_step,
            extra={**_place(job), "seconds": seconds},
        )

    def _show_error(self, text: str | None) -> None:
        """Has the status show an error of a chunk that is tried again; None: no longer."""
        if text:
            self.connection.hset(self.key, "error", text[:LONGEST_SHOWN])
        elif self._is_error_shown:
            self.connection.hdel(self.key, "error")
        self._is_error_shown = bool(text)

    def set_state(self, state: str, pipeline: "Pipeline | None" = None) -> None:
        """Says that it is suspended, and when it goes on; RQ looks for that between two jobs."""
        if (state == WorkerStatus.SUSPENDED) != (self._state == WorkerStatus.SUSPENDED):
            if state == WorkerStatus.SUSPENDED:
                logger.warning("the workers are suspended by `rq suspend`; `rq resume` lets them go on")
            else:
                logger.info("the workers go on")
        super().set_state(state, pipeline)

    # How it is known to be alive --------------------------------------------------------------------

    def _send_heartbeats(self, job: Job, execution: Execution, done: threading.Event) -> None:
        while not done.wait(HEARTBEAT_INTERVAL):
            try:
                self.maintain_heartbeats(job, execution)
            except redis.RedisError as error:
                logger.warning(
                    "no heartbeat for %s: %s; trying again in %d s",
                    job.description,
                    error,
                    HEARTBEAT_INTERVAL,
                    extra=_place(job),
                )

    def register_birth(self) -> None:
        """Replaces the entry of an earlier loop of this process, whose end may not have reached Redis."""
        self.connection.delete(self.key)
        super().register_birth()
        self._outage.end()

    def heartbeat(self, timeout: int | None = None, pipeline: "Pipeline | None" = None) -> None:  # noqa: ARG002
        try:
            super().heartbeat(HEARTBEAT_TTL, pipeline)  # RQ's own outlives a killed worker by more than a minute
        except redis.RedisError:
            if self._stop_requested and pipeline is None:
                raise StopRequested from None  # RQ would go on trying while Redis is away
            raise

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:  # noqa: ARG002
        return HEARTBEAT_TTL

    # How it reclaims what others left ---------------------------------------------------------------

    def run_maintenance_tasks(self) -> None:
        """Registers again, should Redis have forgotten, and reclaims abandoned jobs.

        A task that fails, for example on a forged key, keeps none of the others from being done.
        """
        self.last_cleaned_at = now()  # type: ignore[assignment]
        self.connection.hset(self.key, mapping=self.serialize())
        self.heartbeat()
        trying(worker_registration.register, self)
        self._queue.log_dropped()
        if self._queue.acquire_maintenance_lock():
            for entry in self._queue.abandoned():
                trying(self._queue.reclaim, entry)
            self._requeue_dequeued()
            trying(self._queue.failed_job_registry.cleanup)
            trying(self._queue.forget_oldest_failures)
            trying(worker_registration.clean_worker_registry, self._queue)
            self._queue.release_maintenance_lock()

    def _requeue_dequeued(self) -> None:
        """Requeues jobs that a worker dequeued and never started."""
        first_seen, moment = self._dequeued, time.monotonic()
        self._dequeued = {job_id: first_seen.get(job_id, moment) for job_id in self._queue.dequeued()}
        for job_id, since in self._dequeued.items():
            if moment - since >= DEQUEUED_TIMEOUT:
                trying(self._queue.requeue_dequeued, job_id)

    # How it stops -----------------------------------------------------------------------------------

    def request_stop(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Ends the wait for a job, or lets the job in hand end. Raises nowhere else, as RQ's would."""
        self.stopped_by = self.stopped_by or signal.Signals(signum)
        self._stop_requested = True
        RqChunkQueue.is_stopped = True
        if RqChunkQueue.is_waiting:
            raise StopRequested

    def register_death(self) -> None:
        try:
            super().register_death()
        except redis.RedisError as error:
            logger.warning(
                "cannot remove this worker from Redis: %s; its entry there expires in %d s",
                str(error).rstrip("."),
                HEARTBEAT_TTL,
            )

    # What it does without ---------------------------------------------------------------------------

    def subscribe(self) -> None:
        """Listens to no commands over Redis: only SIGTERM stops a worker."""

    def procline(self, message: str) -> None:
        """Leaves the process's title as it is: RQ would put the job's function into it."""


def _place(job: Job) -> dict[str, object]:
    """The job, and the chunk if it holds a single one, as fields of a log line. Of a forged job too."""
    chunks = CHUNK_KEY.findall(job.id)
    chunk = {"load": int(chunks[0][0]), "chunk": int(chunks[0][1])} if len(chunks) == 1 else {}
    return {"job": job.id[:LONGEST_SHOWN], **chunk}
