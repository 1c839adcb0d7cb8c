"""The queue of chunks: the producer puts them, workers load them, the exporter looks at them."""

import logging
import signal
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager

import redis
from rq import Retry
from rq.exceptions import DuplicateJobError, StopRequested

from pipeline import signals
from pipeline.ledger.chunk import MissingChunk
from pipeline.queue.chunk_jobs import ChunkJobs
from pipeline.queue.job import CHUNK_TIMEOUT, RETRIES, TASK, LoadChunk, call
from pipeline.queue.producing import producing_flag
from pipeline.queue.server import connected, translating, warn_about_eviction
from pipeline.queue.worker import ChunkWorker
from pipeline.waiting import Outage, Throttle

RESTART_PAUSE = 1.0  # seconds until a worker starts again after Redis was lost; twice as long each time
LONGEST_RESTART_PAUSE = 16.0  # seconds; from then on there is a warning a minute

logger = logging.getLogger(__name__)


class ChunkQueue(ChunkJobs):
    """The queue of a database's chunks. One queue only: a worker on two queues can lose a job between them."""

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
        """Queues chunks in one job, each with its text, that are not under way.

        Harmless if another producer has just queued them. What an earlier attempt left of the job is replaced.
        """
        keys = {chunk.key for chunk, _ in members}
        if not self._enqueue(members) and not keys & self.state().under_way:
            self._discard(self._job_id(chunk for chunk, _ in members))
            self._enqueue(members)

    def producing(self) -> AbstractContextManager[None]:
        """Tells exporters, for the length of the block, that missing chunks may still be queued."""
        return producing_flag(self.connection, self._chunks.name)

    def work(self, load_chunk: LoadChunk, *, burst: bool = False) -> None:
        """Loads chunks with `load_chunk` until told to stop by SIGTERM; finishes the one in hand.

        SIGINT does the same and then raises Stopped. With `burst` it ends when the queue is empty.
        If anything else ends RQ's loop, such as Redis being away for longer, it starts again, after growing pauses.
        """
        pause, warnings, outage = RESTART_PAUSE, Throttle(), Outage("Redis")
        handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        while True:
            worker, begun = None, time.monotonic()
            try:
                worker = ChunkWorker(self._chunks, load_chunk, outage)
                worker.work(burst=burst, logging_level=None)
            except StopRequested:
                pass  # told so while it was signing off
            except redis.RedisError as error:
                outage.begin()
                if pause < LONGEST_RESTART_PAUSE or warnings.is_due():
                    logger.warning("%s; trying again in %g s", self.outage_reason(error), pause)
            finally:
                for number, handler in handlers.items():
                    signal.signal(number, handler)
            if worker and worker.stopped_by == signal.SIGINT:
                raise signals.Stopped(signal.SIGINT)
            if worker and (worker.stopped_by or worker.has_emptied_queue):
                return
            if time.monotonic() - begun > LONGEST_RESTART_PAUSE:  # it has worked
                pause = RESTART_PAUSE
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_RESTART_PAUSE)

    def _enqueue(self, members: Sequence[tuple[MissingChunk, str]]) -> bool:
        """Returns whether the job was not there yet."""
        first, more = members[0][0], f" and {len(members) - 1} more" if len(members) > 1 else ""
        job = self._chunks.create_job(
            TASK,
            job_id=self._job_id(chunk for chunk, _ in members),
            description=f"{first}{more}",
            timeout=CHUNK_TIMEOUT,
            result_ttl=0,
            retry=Retry(max=RETRIES),
        )
        job.data = call((chunk.load, chunk.plan.number, text) for chunk, text in members)
        try:
            self._chunks.enqueue_job(job, unique=True)
        except DuplicateJobError:
            return False
        return True
