"""The queue of chunks: put by the producer, loaded by workers, looked at by the exporter."""

import logging
import signal
import threading
import time
import zlib
from base64 import b64decode
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import redis
from redis import Redis
from rq import Retry
from rq.defaults import RQ_KEY_PREFIX
from rq.exceptions import DuplicateJobError, StopRequested
from rq.job import Job
from rq.results import Result
from rq.worker_registration import WORKERS_BY_QUEUE_KEY

from pipeline import stop
from pipeline.errors import RetryLaterError
from pipeline.ledger import MissingChunk
from pipeline.queue.job import CHUNK_TIMEOUT, RETRIES, LoadChunk, call
from pipeline.queue.rq_queue import Chunks
from pipeline.queue.server import connected, memory_shortage, translating, warn_about_eviction
from pipeline.queue.worker import ChunkWorker
from pipeline.waiting import Seldom

PRODUCING_TTL = 10  # seconds after which a producer that says nothing is gone
PRODUCING_INTERVAL = 2.0  # seconds between its saying so
LONGEST_WIP = 3600  # seconds ahead of now; an execution that ends later is not a worker's
LONGEST_REASON = 1 << 16  # bytes of a failure's traceback
LONGEST_SHOWN = 500  # characters of its last line
DISCARD_POLL = 0.1  # seconds
RESTART_PAUSE = 1.0  # seconds until a worker starts anew after Redis was lost; twice as long each time
LONGEST_RESTART_PAUSE = 16.0  # seconds; from then on there is a warning a minute

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class QueueState:
    """What Redis knew at one moment."""

    under_way: frozenset[str]  # job_id of chunks that are queued, handed over to a worker, or being loaded
    failed: frozenset[str]  # job_id of chunks whose jobs are in the FailedJobRegistry
    producing: bool  # whether a producer is still queueing, as far as Redis knows
    workers: int


class ChunkQueue:
    """The queue of a database's chunks. One queue only: a worker on two queues can lose a job between them.

    The id of a job is the id of the database, which keeps databases that share a Redis apart, and the chunk's job_id.
    Jobs of earlier versions have the chunk's job_id alone; they count as this database's.
    All methods raise RetryLaterError if Redis does not serve now.
    """

    def __init__(self, connection: "Redis", name: str, installation: str) -> None:
        """`installation` is the id of the database."""
        self.connection = connection
        self._chunks = Chunks(name, connection=connection)
        self._prefix = f"{installation}-"
        self._producing_key = f"{RQ_KEY_PREFIX}:producing:{name}"

    @classmethod
    def at(cls, url: str, name: str, installation: str) -> "ChunkQueue":
        """The queue on the server at `url`; warns of a server that may evict what is on the queue.

        Raises SettingsError, naming REDIS_URL, if that is no URL, CannotConnectError if the server does not serve.
        """
        connection = connected(url)
        warn_about_eviction(connection)
        return cls(connection, name, installation)

    @translating()
    def put(self, *members: tuple[MissingChunk, str]) -> None:
        """Queues chunks of one job_id, each with its text, that are not under way.

        Harmless if another producer has just queued them. What an earlier attempt left of the job (such as a failure)
        is replaced.
        """
        job_id = members[0][0].job_id
        if not self._enqueue(members) and job_id not in self.state().under_way:
            self._discard(job_id)
            self._enqueue(members)

    @contextmanager
    def producing(self) -> Iterator[None]:
        """Tells exporters, for the length of the block, that missing chunks may still be queued."""
        ended = threading.Event()

        def say_so() -> None:
            while not ended.is_set():
                with suppress(redis.RedisError):  # Redis is away; what is put there waits as well
                    self.connection.set(self._producing_key, 1, ex=PRODUCING_TTL)
                ended.wait(PRODUCING_INTERVAL)
            with suppress(redis.RedisError):
                self.connection.delete(self._producing_key)  # another producer that is alive says so again

        thread = threading.Thread(target=say_so, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(PRODUCING_INTERVAL)  # no longer: a frozen Redis would hold up the end

    @translating()
    def length(self) -> int:
        """Chunks that wait for a worker."""
        return int(self.connection.llen(self._chunks.key))

    @translating()
    def state(self) -> QueueState:
        """One consistent look at all places where a chunk can be. Changes nothing, unlike RQ's own counts.

        Only what this project's jobs can be in counts: no job here is scheduled or deferred.
        """
        queue = self._chunks
        with self.connection.pipeline(transaction=True) as pipe:
            pipe.lrange(queue.key, 0, -1)
            pipe.lrange(queue.intermediate_queue_key, 0, -1)
            pipe.zrangebyscore(queue.started_job_registry.key, "-inf", time.time() + LONGEST_WIP)
            pipe.zrange(queue.failed_job_registry.key, 0, -1)
            pipe.pttl(self._producing_key)  # negative: no such key, or one without an end
            pipe.smembers(WORKERS_BY_QUEUE_KEY % queue.name)
            *under_way, failed, producing, worker_keys = pipe.execute()
        return QueueState(
            # entries of the StartedJobRegistry are job id and execution id with a colon between them
            under_way=frozenset(self._chunk_id(entry).partition(":")[0] for entries in under_way for entry in entries),
            failed=frozenset(map(self._chunk_id, failed)),
            producing=producing > 0,
            workers=int(self.connection.exists(*worker_keys)) if worker_keys else 0,
        )

    @translating()
    def shortage(self) -> str | None:
        """Why workers cannot register although they run, with the remedy; None if Redis has memory left."""
        return memory_shortage(self.connection)

    @translating()
    def bring_forward(self, chunk: MissingChunk) -> bool:
        """Makes a chunk that waits on the queue the next one to be taken; returns whether it waits there."""
        return any(map(self._chunks.bring_forward, self._job_ids(chunk.job_id)))

    @translating()
    def failure(self, job_id: str) -> str:
        """The last line of what the failed job of a chunk reported."""
        connection: Any = self.connection
        try:  # not RQ's way, which would unpickle: who can forge a job can forge its result
            results = (connection.xrevrange(Result.get_key(name), count=1) for name in self._job_ids(job_id))
            [(_, fields)] = next(filter(None, results), [])
            reason = zlib.decompressobj().decompress(b64decode(fields[b"exc_string"]), LONGEST_REASON)
            return reason.decode(errors="replace").strip().splitlines()[-1][:LONGEST_SHOWN]
        except (redis.ResponseError, ValueError, KeyError, IndexError, zlib.error):
            return "no reason recorded"

    def discard(self, chunks: Iterable[MissingChunk]) -> None:
        """Removes the jobs of chunks that the ledger does not have any more, with their rows, wherever they are.

        Waits for those that a worker has in hand: it refuses them, which leaves them among the failed ones.
        """
        job_ids = {chunk.job_id for chunk in chunks}
        while job_ids:
            in_hand = self._remove(job_ids)
            if not in_hand:
                return
            time.sleep(DISCARD_POLL)

    @translating()
    def _remove(self, job_ids: set[str]) -> bool:
        """Removes jobs that no worker has in hand; returns whether one has."""
        queue = self._chunks
        present = job_ids & (self.state().under_way | self.state().failed)
        for job_id in present:
            for name in self._job_ids(job_id):
                self.connection.lrem(queue.key, 0, name)
        in_hand = present & self.state().under_way
        for job_id in present - in_hand:
            self._discard(job_id)
        return bool(in_hand)

    def work(self, load_chunk: LoadChunk, *, burst: bool = False) -> None:
        """Loads chunks with `load_chunk` until told to stop by SIGTERM; finishes the one in hand.

        SIGINT does the same and then raises Stopped. With `burst` it ends when the queue is empty.
        Whatever else ends RQ's loop, such as Redis being away for longer, it starts anew, after growing pauses.
        """
        pause, warnings = RESTART_PAUSE, Seldom()
        handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        while True:
            worker, begun = None, time.monotonic()
            try:
                worker = ChunkWorker(self._chunks, load_chunk)
                worker.work(burst=burst, logging_level=None)
            except StopRequested:
                pass  # told so while it was signing off
            except redis.RedisError as error:
                if pause < LONGEST_RESTART_PAUSE or warnings.is_due():
                    reason = self._shortage_seen() or f"Redis does not serve: {error}"
                    logger.warning("%s; trying again in %g s", reason, pause)
            finally:
                for number, handler in handlers.items():
                    signal.signal(number, handler)
            if worker and worker.stopped_by == signal.SIGINT:
                raise stop.Stopped(signal.SIGINT)
            if worker and (worker.stopped_by or worker.has_emptied_queue):
                return
            if time.monotonic() - begun > LONGEST_RESTART_PAUSE:  # it has worked
                pause = RESTART_PAUSE
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_RESTART_PAUSE)

    def _shortage_seen(self) -> str | None:
        with suppress(RetryLaterError):
            return self.shortage()
        return None

    def _enqueue(self, members: Sequence[tuple[MissingChunk, str]]) -> bool:
        first, more = members[0][0], f" and {len(members) - 1} more" if len(members) > 1 else ""
        task, arguments = call((chunk.load, chunk.plan.number, text) for chunk, text in members)
        job = self._chunks.create_job(
            task,
            kwargs=arguments,
            job_id=self._prefix + first.job_id,
            description=f"{first}{more}",
            timeout=CHUNK_TIMEOUT,
            result_ttl=0,
            retry=Retry(max=RETRIES),
        )
        try:
            self._chunks.enqueue_job(job, unique=True)
        except DuplicateJobError:
            return False
        return True

    def _discard(self, job_id: str) -> None:
        with self.connection.pipeline(transaction=True) as pipe:
            for name in self._job_ids(job_id):
                pipe.delete(Job.key_for(name), Result.get_key(name))
                pipe.zrem(self._chunks.failed_job_registry.key, name)
            pipe.execute()

    def _job_ids(self, job_id: str) -> tuple[str, str]:
        """The ids that the job of a chunk can have: with the database's, and of an earlier version."""
        return self._prefix + job_id, job_id

    def _chunk_id(self, entry: bytes) -> str:
        """The chunk's job_id, from the id of its job; what is another database's stays as it is."""
        return entry.decode(errors="replace").removeprefix(self._prefix)
