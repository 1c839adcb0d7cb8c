"""The producer's story: scan every file, seal every load, queue every missing chunk."""

import hashlib
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline import ledger
from pipeline.database import Database
from pipeline.errors import InputError
from pipeline.ledger import LoadPlan, MissingChunk
from pipeline.progress import Progress
from pipeline.queue import ChunkQueue
from producer.scan import scan
from producer.sources import Source

ROOM_POLL = 0.05  # seconds between looks at a full queue

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SealedLoad:
    """A source, and the load that the ledger holds for its content."""

    source: Source
    load: int
    row_count: int
    missing: list[MissingChunk]


@dataclass(frozen=True)
class Produced:
    """What one run of the producer did for one source."""

    source: str
    row_count: int
    queued_rows: int
    queued_chunks: int
    under_way_chunks: int  # not committed yet, but on the queue already


def produce(
    sources: list[Source], database: Database, queue: ChunkQueue, *, chunk_rows: int | None, queue_limit: int
) -> list[Produced]:
    """Queues what the ledger lacks of `sources`, at most `queue_limit` chunks ahead of the workers.

    Nothing is queued if one of the files is broken as a whole (InputError). Running it again, also at
    the same time, is safe: a chunk that is committed or under way is not queued again.
    """
    plans = [scan(source, chunk_rows) for source in sources]
    loads = [_seal(source, plan, database) for source, plan in zip(sources, plans, strict=True)]
    under_way = queue.state().under_way
    results = []
    with Progress("queueing", sum(chunk.plan.row_count for load in loads for chunk in load.missing)) as bar:
        for load in loads:
            to_queue = [chunk for chunk in load.missing if chunk.job_id not in under_way]
            for chunk, text in _texts(load.source.path, to_queue):
                _wait_for_room(queue, queue_limit)
                queue.put(chunk, text)
                bar.advance(chunk.plan.row_count)
            results.append(
                Produced(
                    source=load.source.name,
                    row_count=load.row_count,
                    queued_rows=sum(chunk.plan.row_count for chunk in to_queue),
                    queued_chunks=len(to_queue),
                    under_way_chunks=len(load.missing) - len(to_queue),
                )
            )
    return results


def _seal(source: Source, plan: LoadPlan, database: Database) -> SealedLoad:
    with database.transaction() as tx:
        load, is_new = ledger.seal(tx, plan)
        missing = ledger.missing_chunks(tx, load)
    logger.debug("%s: load %d (%s), %d chunks missing", source.name, load, "new" if is_new else "known", len(missing))
    return SealedLoad(source, load, plan.row_count, missing)


def _texts(path: Path, chunks: list[MissingChunk]) -> Iterator[tuple[MissingChunk, str]]:
    """Second pass: the text of each chunk, read where the plan says it is.

    Raises InputError if it is no longer what the first pass saw there.
    """
    with path.open("rb") as file:
        for chunk in chunks:
            file.seek(chunk.plan.byte_offset)
            content = file.read(chunk.plan.byte_count)
            if hashlib.sha256(content).hexdigest() != chunk.plan.sha256:
                raise InputError(f"{path} changed while it was being read; run the producer again")
            yield chunk, content.decode("utf-8")


def _wait_for_room(queue: ChunkQueue, queue_limit: int) -> None:
    """Backpressure: returns when fewer than `queue_limit` chunks wait on the queue."""
    while queue.length() >= queue_limit:
        time.sleep(ROOM_POLL)
