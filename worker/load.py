"""The worker's story: claim a chunk, load its rows, record what became of them, all in one transaction."""

import logging
import threading
import time
from dataclasses import asdict
from itertools import count

from pipeline.csv_text.rows import bytes_of_text
from pipeline.datasets.loaders import DatasetLoaders
from pipeline.datasets.rejecting import replace_rejected
from pipeline.errors import RequeueError, TransientError, UnknownChunkError
from pipeline.ledger import ledger
from pipeline.ledger.chunk import Counts
from pipeline.postgres.database import Database
from pipeline.postgres.translating import ForeignKeyError, RefusedRowError
from pipeline.waiting import retry_transient
from pipeline.wording import counted
from worker.installation import Installation

logger = logging.getLogger(__name__)


class ChunkLoader:
    """Loads chunks over one connection; what a dataset looked up lasts from chunk to chunk."""

    def __init__(self, database: Database, stop: threading.Event | None = None) -> None:
        """When `stop` is set, a chunk that cannot be loaded at once is requeued."""
        self._database = database
        self._stop = stop or threading.Event()
        self._installation = Installation(database)
        self._loaders = DatasetLoaders()
        self._forgotten: int | None = None  # the load that was last found to be forgotten
        self._refused: int | None = None  # the load of which PostgreSQL last refused a row

    def load_chunk(self, load: int, number: int, text: str, installation: str | None = None, requeued: int = 0) -> None:
        """Loads a chunk exactly once, however often, late or concurrently it is delivered.

        `installation` is the id of the database that the chunk belongs to, unless the job does not say; `requeued` is
        how often the job was requeued after a transient error, or after its worker was killed.
        A chunk whose load was forgotten since has no effect. Raises TransientError after a minute of transient errors,
        OutOfOrderError when the chunk has to wait for another, RequeueError when the worker is told to stop,
        RefusedJobError when the chunk was never in this database, PipelineError when it can never be loaded.
        """
        retries = count(requeued)
        retry_transient(lambda: self._load(load, number, text, installation, next(retries)), sleep=self._pause)

    def _load(self, load: int, number: int, text: str, installation: str | None, retries: int) -> None:
        start, place = time.monotonic(), {"load": load, "chunk": number}
        try:
            with self._database.transaction() as tx:
                self._installation.check(tx, installation)
                claimed = ledger.claim(tx, load, number)
                if claimed is None:
                    logger.debug("load %d chunk %d is committed already or superseded", load, number, extra=place)
                    return
                loader = self._loaders.of(tx, claimed.description_sha256)
                loader.check_may_load(tx, claimed)
                rows = loader.rows(claimed, bytes_of_text(text))
                resolved = loader.resolve(tx, claimed, rows, verbatim=load != self._refused)
                stored = loader.table.store(tx, claimed, resolved, rows)
                replace_rejected(tx, claimed, stored.rejected)
                deleted = stored.deleted + loader.table.finish(tx, claimed)
                counts = Counts(stored.inserted, stored.updated, stored.unchanged, len(stored.rejected), deleted)
                ledger.record(tx, claimed, counts, retries)
                loader.settle(tx)
        except UnknownChunkError:
            if installation is None:  # any job can say so; the producer's name this database
                raise
            self._log_forgotten(load)
            return
        except RefusedRowError:
            if load == self._refused:
                raise
            self._refused = load  # from here on its rows are checked before PostgreSQL gets them
            self._load(load, number, text, installation, retries)
            return
        except ForeignKeyError as error:
            self._loaders = DatasetLoaders()
            raise TransientError(f"what rows refer to is not what it was when looked up: {error}") from error
        seconds = time.monotonic() - start
        rows_read = counted(claimed.row_count, "row")
        extra = {**place, "source": claimed.source, "rows": claimed.row_count, "seconds": seconds, **asdict(counts)}
        logger.debug("%s chunk %d committed: %s in %.2f s", claimed.source, number, rows_read, seconds, extra=extra)

    def _pause(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise RequeueError("the worker is told to stop")

    def _log_forgotten(self, load: int) -> None:
        if load != self._forgotten:
            logger.info("load %d was forgotten; its chunks are dropped", load, extra={"load": load})
        self._forgotten = load
