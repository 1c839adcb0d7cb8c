"""The producer's story: scan every file that is new, seal every load, queue every missing chunk."""

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
from pipeline.ledger import Load, LoadPlan, MissingChunk
from pipeline.progress import Progress
from pipeline.queue import ChunkQueue
from pipeline.waiting import patiently
from producer.content import fingerprint, opened
from producer.room import Room
from producer.scan import scan
from producer.sources import Source

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Content:
    """The content of a source, and the plan of its chunks unless the ledger has it."""

    source: Source
    file: IO[bytes]
    sha256: str
    plan: LoadPlan | None  # None: when the ledger was asked, this was the source's current load


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
    with ExitStack() as files:
        files.enter_context(queue.producing())
        known = patiently(partial(_known, database))
        contents = []
        for source in sources:
            file = files.enter_context(opened(source.path, encoding))
            contents.append(_first_pass(source, file, known.get(source.name), chunk_rows))
        sealed = [(content, _sealed(content, database, chunk_rows)) for content in _by_name(contents)]
        under_way = patiently(queue.state).under_way
        with Progress("queueing", sum(_row_count(_to_queue(load, under_way)) for _, load in sealed)) as bar:
            room = Room(queue, queue_limit, drain_timeout)
            return [_queue_missing(content, load, queue, room, under_way, bar) for content, load in sealed]


def _known(database: Database) -> dict[str, str]:
    with database.transaction() as tx:
        return ledger.current_contents(tx)


def _first_pass(source: Source, file: IO[bytes], known: str | None, chunk_rows: int | None) -> Content:
    """Scans the file, unless its fingerprint says that its content is `known`."""
    if known is not None and fingerprint(file) == known:
        return Content(source, file, known, plan=None)
    plan = scan(source, file, chunk_rows)
    return Content(source, file, plan.sha256, plan)


def _by_name(contents: list[Content]) -> list[Content]:
    """Each source once, also if it is there compressed as well.

    Raises InputError if two files of one name differ: each would supersede the other.
    """
    by_name: dict[str, Content] = {}
    for content in contents:
        other = by_name.setdefault(content.source.name, content)
        if other.sha256 != content.sha256:
            raise InputError(
                f"{other.source.path} and {content.source.path} are both {content.source.name} but differ;"
                " rename or remove one of them"
            )
    return list(by_name.values())


def _sealed(content: Content, database: Database, chunk_rows: int | None) -> Load:
    """Takes up the load that the ledger has of the content, or seals a new one."""
    load = None if content.plan else patiently(partial(_resume, content, database))
    if load is None:
        # Without a plan, the load that the ledger had was superseded or forgotten since.
        plan = content.plan or scan(content.source, content.file, chunk_rows)
        load = patiently(partial(_seal, content, plan, database))
    logger.debug("%s: load %d, %d chunks missing", content.source.name, load.id, len(load.missing))
    return load


def _resume(content: Content, database: Database) -> Load | None:
    with database.transaction() as tx:
        return ledger.resume(tx, content.source.name, content.sha256, content.source.dataset.refers_to)


def _seal(content: Content, plan: LoadPlan, database: Database) -> Load:
    dataset = content.source.dataset
    with database.transaction() as tx:
        return ledger.seal(tx, plan, dataset.refers_to, chunks_stay=dataset.chunks_stay)


def _queue_missing(
    content: Content, load: Load, queue: ChunkQueue, room: Room, under_way: frozenset[str], bar: Progress
) -> Produced:
    is_waited_for = any(content.source.dataset.name in dataset.refers_to for dataset in DATASETS)
    to_queue = _to_queue(load, under_way)
    for chunk, text in _texts(content, to_queue):
        room.wait(is_waited_for=is_waited_for)
        patiently(partial(queue.put, chunk, text))
        bar.advance(chunk.plan.row_count)
    return Produced(
        source=content.source.name,
        row_count=load.row_count,
        queued_rows=_row_count(to_queue),
        queued_chunks=len(to_queue),
        under_way_chunks=len(load.missing) - len(to_queue),
    )


def _to_queue(load: Load, under_way: frozenset[str]) -> list[MissingChunk]:
    return [chunk for chunk in load.missing if chunk.job_id not in under_way]


def _row_count(chunks: list[MissingChunk]) -> int:
    return sum(chunk.plan.row_count for chunk in chunks)


def _texts(content: Content, chunks: list[MissingChunk]) -> Iterator[tuple[MissingChunk, str]]:
    """Last pass: the text of each chunk, read where the plan says it is; bytes that are not UTF-8 as PEP 383.

    Raises InputError if it is no longer what was planned.
    """
    for chunk in chunks:
        content.file.seek(chunk.plan.byte_offset)
        text = content.file.read(chunk.plan.byte_count)
        if hashlib.sha256(text).hexdigest() != chunk.plan.sha256:
            raise InputError(f"{content.source.path} changed while it was being read; run the producer again")
        yield chunk, text.decode("utf-8", "surrogateescape")
