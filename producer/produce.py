"""The producer's story: scan every file, preview new versions, seal every load, queue every missing chunk."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain

from pipeline import ledger
from pipeline.database import Database
from pipeline.datasets import DATASETS
from pipeline.errors import InputError
from pipeline.ledger import KnownSource, MissingChunk
from pipeline.progress import Progress
from pipeline.queue import ChunkQueue
from pipeline.sealing import Load, Version, seal
from pipeline.terminal import counted
from pipeline.waiting import patiently
from producer.content import LIKELY_ENCODINGS, Content, Contents, fingerprint
from producer.encodings import Encodings
from producer.preview import Limits, Outlook, Preview, RefusedVersionError
from producer.room import Room
from producer.scan import CHUNK_BYTES, SMALLEST_CHUNK, scan
from producer.scanned import Scanned, text_of
from producer.sources import Source

SEALED_AT_ONCE = 100  # loads in one transaction, which keeps workers off their sources
GROUP_CHUNKS = 100  # that share one job at most, each of fewer than SMALLEST_CHUNK rows
GROUP_BYTES = CHUNK_BYTES // 2  # with the chunk that exceeds it, a group is as large as a chunk at most

logger = logging.getLogger(__name__)


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

    Nothing is queued if one of the files is broken as a whole (InputError), or is a version that would replace loaded
    rows against the limits (RefusedVersionError). `before_sealing` is called once all files are found good. Running it
    again, also at the same time, is safe: a chunk that is committed or under way is not queued again. Rides over
    servers that are away for a while; raises DrainTimeoutError after `drain_timeout` seconds without room.
    """
    with queue.producing(), Contents() as contents:
        known = patiently(partial(_known, database))
        versions = scan_all(sources, known, contents, encodings, chunk_rows)
        _check_versions(versions, known, contents, database, limits)
        before_sealing()
        loads = _seal_all(versions, contents, database, encodings, chunk_rows)
        under_way = patiently(queue.state).under_way
        to_queue = {name: [chunk for chunk in load.missing if chunk.key not in under_way] for name, load in loads}
        patiently(partial(queue.drop_failures, list(chain(*to_queue.values()))))
        with Progress("queueing", sum(map(_row_count, to_queue.values()))) as bar:
            room = Room(queue, queue_limit, drain_timeout)
            for job in _jobs(_members(versions, loads, to_queue, contents)):
                room.wait(is_waited_for=any(job.dataset in dataset.refers_to for dataset in DATASETS))
                patiently(partial(queue.put, *job.chunks))
                bar.advance(_row_count([chunk for chunk, _ in job.chunks]))
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


def preview(
    sources: Sequence[Source],
    database: Database,
    *,
    chunk_rows: int | None,
    encodings: Encodings = Encodings(),  # noqa: B008 (frozen)
    limits: Limits = Limits(),  # noqa: B008 (frozen)
) -> list[Outlook]:
    """What `produce`, and workers after it, would do with the tables; changes nothing.

    Raises what `produce` would.
    """
    with Contents() as contents:
        known = patiently(partial(_known, database))
        versions = scan_all(sources, known, contents, encodings, chunk_rows)

        def attempt() -> list[Outlook]:
            with database.transaction() as tx:
                return list(Preview(tx, contents, known).exact(versions))

        _check_versions(versions, known, contents, database, limits)
        return patiently(attempt)


def scan_all(
    sources: Sequence[Source],
    known: dict[str, KnownSource],
    contents: Contents,
    encodings: Encodings,
    chunk_rows: int | None,
) -> list[Scanned]:
    """The first pass over every file, one file open at a time; each source once, also if it is there compressed too.

    Raises InputError if a file is broken as a whole, or if two files of one name differ, since each would supersede
    the other.
    """
    by_name: dict[str, Scanned] = {}
    for source in sources:
        version = _first_pass(source, known.get(source.name), contents, encodings, chunk_rows)
        other = by_name.setdefault(source.name, version)
        if other.sha256 != version.sha256:
            raise InputError(
                f"{other.source.path} and {source.path} are both {source.name} but differ; rename or remove one of them"
            )
    return list(by_name.values())


def _known(database: Database) -> dict[str, KnownSource]:
    with database.transaction() as tx:
        return ledger.known_sources(tx)


def _first_pass(
    source: Source, known: KnownSource | None, contents: Contents, encodings: Encodings, chunk_rows: int | None
) -> Scanned:
    """Scans the file, unless its fingerprint says that the ledger has its content."""
    encoding = encodings.of(source.name, known.given_encoding if known else None)
    with contents.opened(source, encoding) as content:
        may_be_known = known and known.sha256 and known.encoding in (None, content.encoding)
        if known and may_be_known and (sha256 := fingerprint(content.file)) == known.sha256:
            return Scanned(source, encoding, sha256, content.encoding, known.row_count, plan=None)
        if content.control_rows:
            _warn_of_control_rows(source.name, content)
        plan = scan(source, content.file, chunk_rows)
        return Scanned(source, encoding, plan.sha256, content.encoding, plan.row_count, plan)


def _warn_of_control_rows(source: str, content: Content) -> None:
    likely = LIKELY_ENCODINGS[content.encoding]
    logger.warning(
        "%s: %s control characters (U+0080 to U+009F) when read as %s; the file looks like %s: --encoding %s=%s",
        source,
        "1 row holds" if content.control_rows == 1 else f"{content.control_rows:,} rows hold",
        content.encoding,
        likely,
        source,
        likely,
    )


def _check_versions(
    versions: list[Scanned], known: dict[str, KnownSource], contents: Contents, database: Database, limits: Limits
) -> None:
    """Raises RefusedVersionError if new versions of loaded sources break the limits.

    Warns of those that lose most of the loaded rows, if no limit is set on that.
    """
    if not any(version.plan and version.name in known for version in versions):
        return

    def attempt() -> list[tuple[Outlook, str | None]]:
        with database.transaction() as tx:
            return list(Preview(tx, contents, known).judged(versions, limits))

    judged = patiently(attempt)
    if refused := [(outlook, reason) for outlook, reason in judged if reason]:
        named = "; ".join(f"{outlook.source} is refused: {reason}" for outlook, reason in refused)
        raise RefusedVersionError(f"{named}; nothing was changed", [outlook for outlook, _ in refused])
    for outlook, _ in judged:
        if limits.max_shrink is None and outlook.good < outlook.loaded_rows / 2:
            logger.warning(
                "%s: the new version has %s good rows where %s are loaded, so %s are removed;"
                " --max-shrink N or N%% refuses such a version",
                outlook.source,
                *(f"{rows:,}" for rows in (outlook.good, outlook.loaded_rows, outlook.loaded_rows - outlook.good)),
            )


def _seal_all(
    versions: list[Scanned], contents: Contents, database: Database, encodings: Encodings, chunk_rows: int | None
) -> list[tuple[str, Load]]:
    """The loads of all versions, in order: those that the ledger has, or new ones."""
    loads: list[tuple[str, Load]] = []
    for start in range(0, len(versions), SEALED_AT_ONCE):
        batch = versions[start : start + SEALED_AT_ONCE]
        sealed = _seal(batch, database, encodings)
        for version in batch:
            if version.name not in sealed:  # the load that the ledger had was superseded or forgotten since
                rescanned = _first_pass(version.source, None, contents, encodings, chunk_rows)
                sealed |= _seal([rescanned], database, encodings)
            load = sealed[version.name]
            logger.debug("%s: load %d, %s missing", version.name, load.id, counted(len(load.missing), "chunk"))
            loads.append((version.name, load))
    return loads


def _seal(versions: list[Scanned], database: Database, encodings: Encodings) -> dict[str, Load]:
    to_seal = [
        Version(
            source=version.name,
            dataset=version.dataset.name,
            refers_to=version.dataset.refers_to,
            carries_over=version.dataset.chunks_stay,
            sha256=version.sha256,
            encoding=version.read_as,
            given_encoding=encodings.given(version.name),
            plan=version.plan,
        )
        for version in versions
    ]

    def attempt() -> dict[str, Load]:
        with database.transaction() as tx:
            return seal(tx, to_seal)

    return patiently(attempt)


@dataclass(frozen=True)
class Member:
    """A chunk that is to be queued, with its text."""

    dataset: str
    chunk: MissingChunk
    text: str
    is_whole_file: bool

    @property
    def is_small(self) -> bool:
        """Whether a job for the chunk alone would cost more than its rows."""
        plan = self.chunk.plan
        return self.is_whole_file and plan.row_count < SMALLEST_CHUNK and plan.byte_count < CHUNK_BYTES // 8


@dataclass(frozen=True)
class Job:
    """Chunks that travel together, each with its text."""

    dataset: str
    chunks: list[tuple[MissingChunk, str]]


def _members(
    versions: list[Scanned], loads: list[tuple[str, Load]], to_queue: dict[str, list[MissingChunk]], contents: Contents
) -> Iterator[Member]:
    """The last pass over the files: the chunks that are to be queued, read one at a time."""
    for version, (name, load) in zip(versions, loads, strict=True):
        if chunks := to_queue[name]:
            with contents.opened(version.source, version.encoding) as content:
                for chunk in chunks:
                    text = text_of(version, content.file, chunk.plan)
                    yield Member(version.dataset.name, chunk, text, chunk.plan.row_count == load.row_count)


def _jobs(members: Iterable[Member]) -> Iterator[Job]:
    """Each chunk in a job of its own, but small ones of a dataset in groups, before any chunk of the next dataset."""
    group: list[Member] = []
    for member in members:
        if group and (member.dataset != group[0].dataset or _is_full(group)):
            yield _job(group)
            group = []
        if member.is_small:
            group.append(member)
        else:
            yield _job([member])
    if group:
        yield _job(group)


def _is_full(group: list[Member]) -> bool:
    return len(group) == GROUP_CHUNKS or sum(member.chunk.plan.byte_count for member in group) > GROUP_BYTES


def _job(members: list[Member]) -> Job:
    return Job(members[0].dataset, [(member.chunk, member.text) for member in members])


def _row_count(chunks: list[MissingChunk]) -> int:
    return sum(chunk.plan.row_count for chunk in chunks)
