"""The producer's story: scan every file, check new versions, seal every load, queue every missing chunk."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from pipeline.cli.progress import Progress
from pipeline.descriptions.description import others_referred_to
from pipeline.ledger.chunk import MissingChunk
from pipeline.postgres.database import Database
from pipeline.queue import ChunkQueue
from pipeline.waiting import retry_transient
from producer.backpressure import Backpressure
from producer.failed_jobs import drop_failures
from producer.files.content import OpenedFiles
from producer.files.encodings import Encodings
from producer.first_pass import scan_all
from producer.forecast import Limits
from producer.jobs import jobs, members
from producer.known_sources import known_sources
from producer.new_versions import check_new_versions
from producer.remote_versions import record_remote_versions
from producer.seal_all import seal_all
from producer.sealed_loads import SealedLoads
from producer.sources import Source


@dataclass(frozen=True)
class Produced:
    """What one run of the producer did for one source."""

    source: str
    row_count: int
    queued_rows: int
    queued_chunks: int
    under_way_chunks: int  # not committed yet, but on the queue already


def produce(
    sources: Sequence[Source],
    database: Database,
    queue: ChunkQueue,
    *,
    chunk_rows: int | None,
    queue_limit: int,
    drain_timeout: float = 3600,
    encodings: Encodings = Encodings(),  # noqa: B008 (frozen)
    limits: Limits = Limits(),  # noqa: B008 (frozen)
    before_sealing: Callable[[], None] = lambda: None,
) -> list[Produced]:
    """Queues what the ledger lacks of `sources`, at most `queue_limit` jobs ahead of the workers.

    Nothing is queued if a file is broken as a whole (InputError), or is a version that would replace loaded rows
    against the limits (RefusedVersionError). `before_sealing` is called once all files are found good. Running it
    again, also at the same time, queues no chunk that is committed or under way. Raises DrainTimeoutError after
    `drain_timeout` seconds without room on the queue, ForgottenError if a source is forgotten meanwhile.
    """
    with queue.producing(), OpenedFiles() as contents:
        known = known_sources(sources, database)
        versions = scan_all(sources, known, contents, encodings, chunk_rows)
        check_new_versions(versions, known, contents, database, limits)
        before_sealing()
        loads = seal_all(versions, contents, database, encodings, chunk_rows)
        record_remote_versions(contents.versions, loads, database)
        under_way = retry_transient(queue.state).under_way
        to_queue = {name: [chunk for chunk in load.missing if chunk.key not in under_way] for name, load in loads}
        drop_failures(queue, database, to_queue.values())
        referred_to = {name for version in versions for name in others_referred_to(version.dataset)}
        sealed = SealedLoads(database, {load.id: name for name, load in loads})
        room = Backpressure(queue, queue_limit, drain_timeout, sealed.check_now_and_then)
        with Progress("queueing", sum(map(_row_count, to_queue.values()))) as bar:
            for job in jobs(members(versions, loads, to_queue, contents)):
                room.wait(is_waited_for=job.dataset in referred_to)
                retry_transient(partial(queue.put, *job.chunks))
                bar.advance(_row_count([chunk for chunk, _ in job.chunks]))
            sealed.check()
        return [
            Produced(
                source=name,
                row_count=load.row_count,
                queued_rows=_row_count(to_queue[name]),
                queued_chunks=len(to_queue[name]),
                under_way_chunks=len(load.missing) - len(to_queue[name]),
            )
            for name, load in loads
        ]


def _row_count(chunks: list[MissingChunk]) -> int:
    return sum(chunk.plan.row_count for chunk in chunks)
