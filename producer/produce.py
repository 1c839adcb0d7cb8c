"""The producer's story: scan every file, preview new versions, seal every load, queue every missing chunk."""

import hashlib
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from pipeline import ledger
from pipeline.account import listed
from pipeline.database import Database
from pipeline.datasets import DATASETS
from pipeline.errors import InputError
from pipeline.forgetting import Forgotten, check_not_forgotten, forget_rows
from pipeline.ledger import KnownSource, LoadPlan, MissingChunk
from pipeline.progress import Progress
from pipeline.queue import ChunkQueue
from pipeline.sealing import Load, Version, seal
from pipeline.terminal import counted
from pipeline.waiting import patiently
from producer.content import Contents, fingerprint
from producer.encodings import Encodings
from producer.preview import Limits, Outlook, Preview, RefusedVersionError
from producer.room import Room
from producer.scan import CHUNK_BYTES, SMALLEST_CHUNK, scan
from producer.scanned import Scanned, text_of
from producer.sources import Source

SEALED_AT_ONCE = 100  # loads in one transaction, which keeps workers off their sources
FORGOTTEN_POLL = 1.0  # seconds between looks whether a source was forgotten
GROUP_CHUNKS = 100  # that travel in one job at most, each of fewer than SMALLEST_CHUNK rows

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
) -> list[Produced]:
    """Queues what the ledger lacks of `sources`, at most `queue_limit` jobs ahead of the workers.

    Nothing is queued if one of the files is broken as a whole (InputError), or is a version that would replace loaded
    rows against the limits (RefusedVersionError). Running it again, also at the same time, is safe: a chunk that is
    committed or under way is not queued again. Rides over servers that are away for a while; raises DrainTimeoutError
    after `drain_timeout` seconds without room, ForgottenError if one of the sources is forgotten meanwhile.
    """
    with queue.producing(), Contents() as contents:
        known = patiently(partial(_known, database))
        versions = scan_all(sources, known, contents, encodings, chunk_rows)
        patiently(partial(_refuse, versions, known, contents, database, limits))
        loads = _seal_all(versions, contents, database, encodings, chunk_rows)
        under_way = patiently(queue.state).under_way
        to_queue = {name: [chunk for chunk in load.missing if chunk.job_id not in under_way] for name, load in loads}
        with Progress("queueing", sum(map(_row_count, to_queue.values()))) as bar:
            room = Room(queue, queue_limit, drain_timeout)
            sealed = SealedLoads(database, {load.id: name for name, load in loads})
            for job in _jobs(versions, to_queue, contents):
                sealed.check_now_and_then()
                room.wait(is_waited_for=any(job.dataset in dataset.refers_to for dataset in DATASETS))
                patiently(partial(queue.put, *job.chunks))
                bar.advance(sum(chunk.plan.row_count for chunk, _ in job.chunks))
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


@dataclass(frozen=True)
class Foreseen:
    """What a run would do."""

    forgotten: list[Forgotten]
    outlooks: list[Outlook]
    good_rows: dict[str, int]  # of all sources that the tables would then hold


def preview(
    sources: Sequence[Source],
    database: Database,
    *,
    forget: Sequence[str] = (),
    chunk_rows: int | None,
    encodings: Encodings = Encodings(),  # noqa: B008 (frozen)
    limits: Limits = Limits(),  # noqa: B008 (frozen)
) -> Foreseen:
    """What forgetting some sources, then `produce`, and workers after it, would do with the tables; changes nothing.

    Raises what they would.
    """
    with Contents() as contents:
        known = patiently(partial(_known, database))
        versions = scan_all(sources, known, contents, encodings, chunk_rows)

        def attempt() -> Foreseen:
            with database.transaction(keep=False) as tx:
                forgotten, _ = forget_rows(tx, set(forget))
                kept = {name: each.row_count for name, each in known.items() if name not in forget}
                outlooks = list(Preview(tx, contents, known).exact(versions))
                previewed = {outlook.source: outlook.row_count - outlook.rejected for outlook in outlooks}
                return Foreseen(forgotten, outlooks, kept | previewed)

        patiently(partial(_refuse, versions, known, contents, database, limits))
        return patiently(attempt)


class SealedLoads:
    """Loads that are being queued, whose sources somebody may forget meanwhile."""

    def __init__(self, database: Database, loads: dict[int, str]) -> None:
        """`loads` holds the source of each load."""
        self._database = database
        self._loads = loads
        self._checked = time.monotonic()

    def check_now_and_then(self) -> None:
        if time.monotonic() - self._checked >= FORGOTTEN_POLL:
            self.check()
            self._checked = time.monotonic()

    def check(self) -> None:
        """Raises ForgottenError if one of them was forgotten."""

        def attempt() -> None:
            with self._database.transaction() as tx:
                check_not_forgotten(tx, self._loads)

        patiently(attempt)


def scan_all(
    sources: Sequence[Source],
    known: dict[str, KnownSource],
    contents: Contents,
    encodings: Encodings,
    chunk_rows: int | None,
) -> list[Scanned]:
    """The first pass over every file, one file open at a time; each source once, also if it is there compressed too.

    Raises InputError, naming all of them, if files are broken as a whole, or if two files of one name differ, since
    each would supersede the other.
    """
    by_name: dict[str, Scanned] = {}
    broken: list[str] = []
    for source in sources:
        try:
            version = _first_pass(source, known.get(source.name), contents, encodings, chunk_rows)
        except InputError as error:
            broken.append(str(error))
            continue
        other = by_name.setdefault(source.name, version)
        if other.sha256 != version.sha256:
            broken.append(differ(other.source, source))
    if broken:
        raise InputError(f"{listed(broken)}; nothing was queued")
    return list(by_name.values())


def differ(one: Source, other: Source) -> str:
    """What is wrong with two files of one name that hold different bytes."""
    return f"{one.path} and {other.path} are both {one.name} but differ; rename or remove one of them"


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
        plan = scan(source, content.file, chunk_rows)
        return Scanned(source, encoding, plan.sha256, content.encoding, plan.row_count, plan)


def _refuse(
    versions: list[Scanned], known: dict[str, KnownSource], contents: Contents, database: Database, limits: Limits
) -> None:
    """Raises RefusedVersionError if new versions of loaded sources break the limits."""
    if not any(version.plan and version.name in known for version in versions):
        return
    with database.transaction() as tx:
        refused = list(Preview(tx, contents, known).refused(versions, limits))
    if refused:
        named = "; ".join(f"{outlook.source} is refused: {reason}" for outlook, reason in refused)
        raise RefusedVersionError(f"{named}; nothing was changed", [outlook for outlook, _ in refused])


def _seal_all(
    versions: list[Scanned], contents: Contents, database: Database, encodings: Encodings, chunk_rows: int | None
) -> list[tuple[str, Load]]:
    """The loads of all versions, in order: those that the ledger has, or new ones."""
    groups = _job_groups(versions)
    loads: list[tuple[str, Load]] = []
    for start in range(0, len(versions), SEALED_AT_ONCE):
        batch = versions[start : start + SEALED_AT_ONCE]
        sealed = _seal(batch, database, encodings, groups)
        for version in batch:
            if version.name not in sealed:  # the load that the ledger had was superseded or forgotten since
                rescanned = _first_pass(version.source, None, contents, encodings, chunk_rows)
                sealed |= _seal([rescanned], database, encodings, groups)
            load = sealed[version.name]
            logger.debug("%s: load %d, %s missing", version.name, load.id, counted(len(load.missing), "chunk"))
            loads.append((version.name, load))
    return loads


def _seal(versions: list[Scanned], database: Database, encodings: Encodings, groups: dict[str, str]) -> dict[str, Load]:
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
            job_group=groups.get(version.name),
        )
        for version in versions
    ]

    def attempt() -> dict[str, Load]:
        with database.transaction() as tx:
            return seal(tx, to_seal)

    return patiently(attempt)


def _job_groups(versions: list[Scanned]) -> dict[str, str]:
    """Names groups of small files whose chunks travel in one job: by itself, each costs more than its rows.

    A group lies within what is sealed at once. Its name is a digest of what is in it.
    """
    groups: dict[str, str] = {}
    small = [version for version in versions if version.plan and _is_small(version.plan)]
    positions = {version.name: position // SEALED_AT_ONCE for position, version in enumerate(versions)}
    for _, same in groupby(small, lambda version: (version.dataset, positions[version.name])):
        members: list[Scanned] = []
        for version in same:
            members.append(version)
            if len(members) == GROUP_CHUNKS or _byte_count(members) > CHUNK_BYTES // 2:
                groups |= _named_group(members)
                members = []
        groups |= _named_group(members)
    return groups


def _is_small(plan: LoadPlan) -> bool:
    return len(plan.chunks) == 1 and plan.row_count < SMALLEST_CHUNK and plan.chunks[0].byte_count < CHUNK_BYTES // 8


def _byte_count(versions: list[Scanned]) -> int:
    return sum(chunk.byte_count for version in versions if version.plan for chunk in version.plan.chunks)


def _named_group(members: list[Scanned]) -> dict[str, str]:
    if len(members) < 2:
        return {}
    digest = hashlib.sha256("".join(member.sha256 for member in members).encode()).hexdigest()[:12]
    return {member.name: digest for member in members}


@dataclass(frozen=True)
class Job:
    """Chunks that travel together, each with its text."""

    dataset: str
    chunks: list[tuple[MissingChunk, str]]


def _jobs(versions: list[Scanned], to_queue: dict[str, list[MissingChunk]], contents: Contents) -> Iterator[Job]:
    """The last pass over the files: the chunks that are to be queued, read one job at a time."""

    def texts() -> Iterator[tuple[str, MissingChunk, str]]:
        for version in versions:
            if chunks := to_queue[version.name]:
                with contents.opened(version.source, version.encoding) as content:
                    for chunk in chunks:
                        yield version.dataset.name, chunk, text_of(version, content.file, chunk.plan)

    for _, members in groupby(texts(), lambda member: member[1].job_id):
        datasets, chunks, read = zip(*members, strict=True)
        yield Job(datasets[0], list(zip(chunks, read, strict=True)))


def _row_count(chunks: list[MissingChunk]) -> int:
    return sum(chunk.plan.row_count for chunk in chunks)
