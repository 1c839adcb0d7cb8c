"""The worker's story: claim a chunk, load its rows, record what became of them, all in one transaction."""

import hashlib
import logging
import threading
import time
from collections.abc import Sequence

from pipeline import ledger
from pipeline.database import Database, ForeignKeyError, Transaction
from pipeline.datasets import DATASETS
from pipeline.datasets.dataset import Dataset, Rejected, copy_field
from pipeline.errors import PipelineError, PutBackError, RefusedJobError, RetryLaterError, UnknownChunkError
from pipeline.ledger import Claim, Counts
from pipeline.rows import SourceRows
from pipeline.waiting import patiently

PAUSE_STEP = 0.1  # seconds within which a pause ends when the worker is told to stop

logger = logging.getLogger(__name__)


class ChunkLoader:
    """Loads chunks over one connection; what a dataset looked up lasts from chunk to chunk."""

    def __init__(self, database: Database, stop: threading.Event | None = None) -> None:
        """When `stop` is set, a chunk that cannot be loaded at once goes back on the queue."""
        self._database = database
        self._stop = stop or threading.Event()
        self._datasets = new_datasets()
        self._installation: str | None = None  # the id of the database, once it was asked for
        self._forgotten: int | None = None  # the load that was last found to be forgotten

    def load_chunk(self, load: int, number: int, text: str, installation: str | None = None) -> None:
        """Loads a chunk exactly once, however often, late or concurrently it is delivered.

        `installation` is the id of the database that the chunk belongs to, unless the job does not say.
        Raises RetryLaterError when the same transient error came at every attempt, OutOfOrderError when the
        chunk has to wait for another, PutBackError when the worker is told to stop, RefusedJobError when the
        chunk was never in this database, and PipelineError when this text can never be loaded. A chunk whose load was
        forgotten since has no effect.
        """
        patiently(lambda: self._attempt(load, number, text, installation), sleep=self._pause)

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._stop.is_set():
                raise PutBackError("the worker is told to stop")
            time.sleep(min(left, PAUSE_STEP))

    def _attempt(self, load: int, number: int, text: str, installation: str | None) -> None:
        try:
            self._load(load, number, text, installation)
        except ForeignKeyError as error:
            self._datasets = new_datasets()
            raise RetryLaterError(f"what rows refer to is not what it was when looked up: {error}") from error

    def _load(self, load: int, number: int, text: str, installation: str | None) -> None:
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
                logger.debug("load %d chunk %d: committed already or superseded; nothing to do", load, number)
                return
            stored = self._datasets[claimed.dataset].store(tx, claimed, _rows(claimed, text))
            _replace_rejected(tx, claimed, stored.rejected)
            counts = Counts(stored.inserted, stored.updated, stored.unchanged, len(stored.rejected), stored.deleted)
            ledger.record(tx, claimed, counts)
        logger.debug("%s chunk %d committed: %s", claimed.source, number, counts)

    def _drop_forgotten(self, load: int) -> None:
        if load != self._forgotten:
            logger.info("load %d was forgotten; its chunks are dropped", load)
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


def new_datasets() -> dict[str, Dataset]:
    """By name, having looked up nothing yet."""
    return {dataset.name: dataset() for dataset in DATASETS}


def _rows(claimed: Claim, text: str) -> SourceRows:
    """The rows of the chunk, if the text is the one that the producer sealed."""
    try:
        content = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # surrogates that stand for no byte
        content = b""
    if hashlib.sha256(content).hexdigest() != claimed.sha256:
        raise PipelineError(
            f"{claimed.source} chunk {claimed.number}: the job does not hold the text that the ledger knows"
        )
    dataset = next(dataset for dataset in DATASETS if dataset.name == claimed.dataset)
    text = content.decode("utf-8", "surrogateescape")  # other surrogates may have stood for the same bytes
    return SourceRows(text, claimed.columns, claimed.delimiter, dataset.columns, claimed.first_row, claimed.first_line)


def _replace_rejected(tx: Transaction, claimed: Claim, rejected: Sequence[Rejected]) -> None:
    """Makes rejected_rows hold exactly the bad rows of this chunk in its range."""
    tx.run(
        ledger.SQL / "delete_rejected.sql",
        source_id=claimed.source_id,
        first_row=claimed.first_row,
        last_row=claimed.last_row,
    )
    tx.copy(
        "rejected_rows",
        ("source_id", "row_number", "line", "reason", "kinds", "raw"),
        (_rejected_line(claimed.source_id, bad) for bad in rejected),
    )


def _rejected_line(source_id: int, bad: Rejected) -> str:
    reason = copy_field("; ".join(map(str, bad.faults)))
    kinds = copy_field("{" + ",".join(f'"{fault.kind}"' for fault in bad.faults) + "}")
    return f"{source_id}\t{bad.row.row_number}\t{bad.row.line}\t{reason}\t{kinds}\t{copy_field(bad.row.raw)}"
