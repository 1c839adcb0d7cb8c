"""The producer's story: scan every file, seal every load, queue every missing chunk."""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import IO

from pipeline import ledger
from pipeline.database import Database
from pipeline.datasets import DATASETS
from pipeline.errors import InputError
from pipeline.ledger import LoadPlan, MissingChunk
from pipeline.progress import Progress
from pipeline.queue import ChunkQueue
from pipeline.waiting import patiently
from producer.content import opened
from producer.room import Room
from producer.scan import scan
from producer.sources import Source

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scanned:
    """A source, its content, and what the first pass over it found."""

    source: Source
    content: IO[bytes]
    plan: LoadPlan


@dataclass(frozen=True)
class Sealed:
    """A load that the ledger holds, and what it lacks of it."""

    scanned: Scanned
    load: int
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
    sources: list[Source],
    database: Database,
    queue: ChunkQueue,
    *,
    chunk_rows: int | None,
    queue_limit: int,
    drain_timeout: float = 3600,
    encoding: str = "utf-8",
) -> list[Produced]:
    """Queues what the ledger lacks of `sources`, at most `queue_limit` chunks ahead of the workers.

    Nothing is queued if one of the files is broken as a whole (InputError). Running it again, also at
    the same time, is safe: a chunk that is committed or under way is not queued again. Rides over servers
    that are away for a while; raises DrainTimeoutError after `drain_timeout` seconds without room.
    """
    with ExitStack() as contents:
        contents.enter_context(queue.producing())
        scanned = []
        for source in sources:
            content = contents.enter_context(opened(source.path, encoding))
            scanned.append(Scanned(source, content, scan(source, content, chunk_rows)))
        by_name = _by_name(scanned)
        sealed = [patiently(partial(_seal, each, database)) for each in by_name]
        under_way = patiently(queue.state).under_way
        with Progress("queueing", sum(chunk.plan.row_count for load in sealed for chunk in load.missing)) as bar:
            room = Room(queue, queue_limit, drain_timeout)
            return [_queue_missing(load, queue, room, under_way, bar) for load in sealed]


def _by_name(scanned: list[Scanned]) -> list[Scanned]:
    """Each source once, also if it is there compressed as well.

    Raises InputError if two files of one name differ: each would supersede the other.
    """
    by_name: dict[str, Scanned] = {}
    for each in scanned:
        other = by_name.setdefault(each.source.name, each)
        if other.plan.sha256 != each.plan.sha256:
            raise InputError(
                f"{other.source.path} and {each.source.path} are both {each.source.name} but differ;"
                " rename or remove one of them"
            )
    return list(by_name.values())


def _seal(scanned: Scanned, database: Database) -> Sealed:
    with database.transaction() as tx:
        load, is_new = ledger.seal(tx, scanned.plan, scanned.source.dataset.refers_to)
        missing = ledger.missing_chunks(tx, load)
    status = "new" if is_new else "known"
    logger.debug("%s: load %d (%s), %d chunks missing", scanned.source.name, load, status, len(missing))
    return Sealed(scanned, load, missing)


def _queue_missing(sealed: Sealed, queue: ChunkQueue, room: Room, under_way: frozenset[str], bar: Progress) -> Produced:
    is_waited_for = any(sealed.scanned.source.dataset.name in dataset.refers_to for dataset in DATASETS)
    to_queue = [chunk for chunk in sealed.missing if chunk.job_id not in under_way]
    for chunk, text in _texts(sealed.scanned, to_queue):
        room.wait(is_waited_for=is_waited_for)
        patiently(partial(queue.put, chunk, text))
        bar.advance(chunk.plan.row_count)
    return Produced(
        source=sealed.scanned.source.name,
        row_count=sealed.scanned.plan.row_count,
        queued_rows=sum(chunk.plan.row_count for chunk in to_queue),
        queued_chunks=len(to_queue),
        under_way_chunks=len(sealed.missing) - len(to_queue),
    )


def _texts(scanned: Scanned, chunks: list[MissingChunk]) -> Iterator[tuple[MissingChunk, str]]:
    """Second pass: the text of each chunk, read where the plan says it is; bytes that are not UTF-8 as PEP 383.

    Raises InputError if it is no longer what the first pass saw there.
    """
    for chunk in chunks:
        scanned.content.seek(chunk.plan.byte_offset)
        content = scanned.content.read(chunk.plan.byte_count)
        if hashlib.sha256(content).hexdigest() != chunk.plan.sha256:
            raise InputError(f"{scanned.source.path} changed while it was being read; run the producer again")
        yield chunk, content.decode("utf-8", "surrogateescape")
