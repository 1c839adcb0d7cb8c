"""The jobs of a database's chunks, wherever they are in Redis: waiting, dequeued, running, failed."""

import re
import time
import zlib
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import Any

import redis
from redis import Redis
from rq.job import Job
from rq.results import Result
from rq.worker_registration import WORKERS_BY_QUEUE_KEY

from pipeline.errors import TransientError
from pipeline.ledger.chunk import MissingChunk
from pipeline.queue.job import INSTALLATION
from pipeline.queue.producing import producing_key
from pipeline.queue.rq_queue import RqChunkQueue
from pipeline.queue.server import address, memory_shortage, outage, translating
from pipeline.queue.view import QueueView, failed_jobs, oldest_enqueued_at, worker_views

LONGEST_WIP = 3600  # seconds ahead of now; an execution that ends later is not a worker's
LONGEST_REASON = 1 << 16  # bytes of a failure's traceback
SEPARATOR = "_"  # between the keys of chunks in a job's id
LONGEST_SHOWN = 500  # characters of its last line
OWN_ERROR = re.compile(r"^pipeline\.errors\.\w+: ")
DISCARD_POLL = 0.1  # seconds
REWRITE_TIMEOUT = 30  # seconds for Redis to write what it holds, 64 MB with a full queue of large chunks
REWRITE_POLL = 0.05  # seconds


@dataclass(frozen=True)
class QueueState:
    """What Redis knew at one moment."""

    under_way: frozenset[str]  # keys of chunks that are queued, dequeued but not started, or being loaded
    failed: Mapping[str, str]  # keys of chunks whose jobs are in the FailedJobRegistry -> ids of these jobs
    producing: bool  # whether a producer is still queueing, as far as Redis knows
    workers: int


class ChunkJobs:
    """Finds, removes and retries jobs, and looks at the server that they are on.

    The id of a job is the id of the database, which keeps databases that share a Redis apart, and the keys of all
    chunks in it: what is under way can be told from the ids alone, however chunks were put together.
    Jobs of earlier versions have the chunk's key alone; they count as this database's.
    All methods raise TransientError if Redis does not serve now.
    """

    def __init__(self, connection: "Redis", name: str, installation: str) -> None:
        """`installation` is the id of the database; while it is not known, "", which no job belongs to."""
        self.connection = connection
        self.installation = installation
        self._chunks = RqChunkQueue(name, connection=connection)
        self._prefix = f"{installation}-"

    @translating()
    def length(self) -> int:
        """Jobs that wait for a worker."""
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
            pipe.pttl(producing_key(queue.name))  # negative: no such key, or one without an end
            pipe.smembers(WORKERS_BY_QUEUE_KEY % queue.name)
            *under_way, failed, producing, worker_keys = pipe.execute()
        return QueueState(
            under_way=frozenset(key for job_id in _job_ids(chain(*under_way)) for key in self._keys(job_id)),
            failed={key: job_id for job_id in _job_ids(failed) for key in self._keys(job_id)},
            producing=producing > 0,
            workers=int(self.connection.exists(*worker_keys)) if worker_keys else 0,
        )

    @translating()
    def drop_failures(self, job_ids: Iterable[str]) -> None:
        """Removes failed jobs with their errors."""
        for job_id in job_ids:
            self._discard(job_id)

    @translating()
    def view(self) -> QueueView:
        """The queue and its workers, for people to look at. Changes nothing; not one moment, unlike `state`."""
        queue, state = self._chunks, self.state()
        return QueueView(
            waiting=self.length(),
            running=int(self.connection.zcard(queue.started_job_registry.key)),
            failed=int(self.connection.zcard(queue.failed_job_registry.key)),
            producing=state.producing,
            oldest_enqueued_at=oldest_enqueued_at(queue),
            workers=worker_views(queue),
            failed_jobs=failed_jobs(
                self.connection, {job_id: self.failure(job_id) for job_id in state.failed.values()}
            ),
            failed_chunks=state.failed,
            under_way=state.under_way,
        )

    @property
    def address(self) -> str:
        """Host, port and database number of the server, without its password."""
        return address(self.connection)

    @translating()
    def server_version(self) -> str:
        """The version of the server, with its name if that is not Redis."""
        server: Any = self.connection.info("server")
        name = server.get("server_name", "redis")
        return f"{name} {server.get('valkey_version') or server['redis_version']}"

    @translating()
    def shortage(self) -> str | None:
        """Why workers cannot register although they run, with the remedy; None if Redis has memory left."""
        return memory_shortage(self.connection)

    def outage_reason(self, error: redis.RedisError) -> str:
        """Why a worker cannot go on after an error of Redis: a lack of memory, if Redis says so, or else the error."""
        with suppress(TransientError):
            if shortage := self.shortage():
                return shortage
        return outage(error)

    @translating()
    def bring_forward(self, chunk: MissingChunk) -> bool:
        """Makes a chunk that waits on the queue the next one to be taken; returns whether it waits there."""
        return any(map(self._chunks.bring_forward, self._waiting_jobs({chunk.key})))

    @translating()
    def failure(self, job_id: str) -> str:
        """The last line of what a failed job reported, without the class of an error of the pipeline's own."""
        connection: Any = self.connection
        try:  # not RQ's way, which would unpickle: who can forge a job can forge its result
            [(_, fields)] = connection.xrevrange(Result.get_key(job_id), count=1)
            reason = zlib.decompressobj().decompress(b64decode(fields[b"exc_string"]), LONGEST_REASON)
            last = reason.decode(errors="replace").strip().splitlines()[-1]
            return OWN_ERROR.sub("", last)[:LONGEST_SHOWN]
        except (redis.ResponseError, ValueError, KeyError, IndexError, zlib.error):
            return "no reason recorded"

    @translating()
    def retry(self, job_ids: Iterable[str]) -> int:
        """Requeues failed jobs, with all their retries; returns how many of them there were."""
        return sum(map(self._chunks.retry, set(job_ids) & set(self.state().failed.values())))

    def discard(self, chunks: Iterable[MissingChunk]) -> None:
        """Removes the jobs of chunks that the ledger does not have any more, with their rows, wherever they are.

        Waits for those that a worker has in hand: it refuses them, which leaves them among the failed ones.
        """
        keys = {chunk.key for chunk in chunks}
        while keys and self._remove(keys):
            time.sleep(DISCARD_POLL)

    @translating()
    def _remove(self, keys: set[str]) -> bool:
        """Removes the jobs of chunks that no worker has in hand; returns whether one has."""
        for job_id in self._waiting_jobs(keys):
            if self.connection.lrem(self._chunks.key, 0, job_id):
                self._discard(job_id)
        state = self.state()
        for job_id in {state.failed[key] for key in keys & state.failed.keys()}:
            self._discard(job_id)
        return bool(keys & state.under_way)

    def rewrite_log(self) -> None:
        """Has Redis rewrite its append-only file, which still holds the rows of chunks that are gone, if it may.

        Waits until it has ended to do so already: that began earlier, perhaps with these rows.
        """
        connection: Any = self.connection
        end = time.monotonic() + REWRITE_TIMEOUT
        with suppress(redis.RedisError):
            while (persistence := connection.info("persistence"))["aof_rewrite_in_progress"] and time.monotonic() < end:
                time.sleep(REWRITE_POLL)
            if persistence["aof_enabled"]:
                connection.bgrewriteaof()

    def _job_id(self, chunks: Iterable[MissingChunk]) -> str:
        return self._prefix + SEPARATOR.join(chunk.key for chunk in chunks)

    def _discard(self, job_id: str) -> None:
        with self.connection.pipeline(transaction=True) as pipe:
            pipe.delete(Job.key_for(job_id), Result.get_key(job_id))
            pipe.zrem(self._chunks.failed_job_registry.key, job_id)
            pipe.execute()

    def _waiting_jobs(self, keys: set[str]) -> list[str]:
        """The ids of the jobs on the queue that hold one of these chunks."""
        connection: Any = self.connection
        waiting = _job_ids(connection.lrange(self._chunks.key, 0, -1))
        return [job_id for job_id in waiting if not keys.isdisjoint(self._keys(job_id))]

    def _keys(self, job_id: str) -> list[str]:
        """The keys of the chunks that a job holds; none if it is another database's."""
        keys = job_id.removeprefix(self._prefix)
        return [] if INSTALLATION.match(keys) else keys.split(SEPARATOR)


def _job_ids(entries: Iterable[bytes]) -> Iterator[str]:
    """The ids of jobs; entries of the StartedJobRegistry are job id and execution id with a colon between them."""
    return (entry.decode(errors="replace").partition(":")[0] for entry in entries)
