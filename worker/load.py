"""The worker's story: claim a chunk, load its rows, record what became of them, all in one transaction."""

import logging
import threading
import time
from dataclasses import asdict
from itertools import count

from pipeline.datasets.loaders import DatasetLoaders
from pipeline.datasets.rejecting import replace_rejected
from pipeline.errors import RefusedJobError, RequeueError, TransientError, UnknownChunkError
from pipeline.ledger import ledger
from pipeline.ledger.chunk import Counts
from pipeline.postgres.database import Database, ForeignKeyError, Transaction
from pipeline.waiting import retry_transient
from pipeline.wording import counted

PAUSE_STEP = 0.1  # seconds within which a pause ends when the worker is told to stop

logger = logging.getLogger(__name__)


class ChunkLoader:
    """Loads chunks over one connection; what a dataset looked up lasts from chunk to chunk."""

    def __init__(self, database: Database, stop: threading.Event | None = None) -> None:
        """When `stop` is set, a chunk that cannot be loaded at once is requeued."""
        self._database = database
        self._stop = stop or threading.Event()
        self._loaders = DatasetLoaders()
        self._installation: str | None = None  # the id of the database, once it was asked for
        self._forgotten: int | None = None  # the load that was last found to be forgotten

    def load_chunk(self, load: int, number: int, text: str, installation: str | None = None, requeued: int = 0) -> None:
        """Loads a chunk exactly once, however often, late or concurrently it is delivered.

        `installation` is the id of the database that the chunk belongs to, unless the job does not say; `requeued` is
        how often the job was put back on the queue after a transient error, or after its worker was killed.
        Raises TransientError when the same transient error came at every attempt, OutOfOrderError when the
        chunk has to wait for another, RequeueError when the worker is told to stop, RefusedJobError when the
        chunk was never in this database, and PipelineError when this text can never be loaded. A chunk whose load was
        forgotten since has no effect.
        """
        retries = count(requeued)
        retry_transient(
            lambda: self._attempt(load, number, text, installation, next(retries)),
            sleep=self._pause,
        )

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._stop.is_set():
                raise RequeueError("the worker is told to stop")
            time.sleep(min(left, PAUSE_STEP))

    def _attempt(self, load: int, number: int, text: str, installation: str | None, retries: int) -> None:
        try:
            self._load(load, number, text, installation, retries)
        except ForeignKeyError as error:
            self._loaders = DatasetLoaders()
            raise TransientError(f"what rows refer to is not what it was when looked up: {error}") from error

    def _load(self, load: int, number: int, text: str, installation: str | None, retries: int) -> None:
        start = time.monotonic()
        with self._database.transaction() as tx:
            self._check_installation(tx, installation)
            try:
                claimed = ledger.claim(tx, load, number)
            except UnknownChunkError:
                if installation is None:  # any job can say so; the producer's name this database
                    raise
                self._drop_forgotten(load)
                return
            if claimed is None:
                logger.debug(
                    "load %d chunk %d: committed already or superseded; nothing to do",
                    load,
                    number,
                    extra={"load": load, "chunk": number},
                )
                return
            loader = self._loaders.of(tx, claimed.description_sha256)
            stored = loader.store(tx, claimed, _content(text))
            replace_rejected(tx, claimed, stored.rejected)
            deleted = stored.deleted + loader.finish(tx, claimed)
            counts = Counts(stored.inserted, stored.updated, stored.unchanged, len(stored.rejected), deleted)
            ledger.record(tx, claimed, counts, retries)
            loader.settle(tx)
        seconds = time.monotonic() - start
        logger.debug(
            "%s chunk %d committed: %s in %.2f s",
            claimed.source,
            number,
            counted(claimed.row_count, "row"),
            seconds,
            extra={
                "source": claimed.source,
                "load": load,
                "chunk": number,
                "rows": claimed.row_count,
                "seconds": seconds,
                **asdict(counts),
            },
        )

    def _drop_forgotten(self, load: int) -> None:
        if load != self._forgotten:
            logger.info("load %d was forgotten; its chunks are dropped", load, extra={"load": load})
        self._forgotten = load

    def _check_installation(self, tx: Transaction, installation: str | None) -> None:
        if installation in (None, self._installation):
            return
        own = self._installation = ledger.installation(tx)
        if installation != own:
            raise RefusedJobError(
                f"the chunk belongs to the database with id {installation}, and this worker loads into"
                f" {self._database.address}, which has id {own}; give each database a queue of its own with"
                " QUEUE_NAME, then run the producer again"
            )


def _content(text: str) -> bytes:
    """The bytes of a chunk; none if the text has surrogates that stand for no byte, which the producer never sends."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return b""
