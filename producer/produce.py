"""The producer's story: scan every file, preview new versions, seal every load, queue every missing chunk."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

from pipeline.cli.progress import Progress
from pipeline.columns.column import column
from pipeline.datasets.loaders import DatasetLoaders
from pipeline.datasets.supported import check_supported
from pipeline.descriptions.description import is_settled, others_referred_to
from pipeline.descriptions.descriptor import rules_of_rows
from pipeline.errors import SettingsError
from pipeline.forgetting import Forgotten, check_not_forgotten, forget_rows
from pipeline.ledger import kept_aside, ledger
from pipeline.ledger.chunk import MissingChunk
from pipeline.ledger.load import KnownSource, LoadProgress
from pipeline.ledger.sealing import Load, Version, seal
from pipeline.postgres.database import Database, Transaction
from pipeline.queue import ChunkQueue
from pipeline.tables.registry import check_tables
from pipeline.waiting import retry_transient
from pipeline.wording import counted
from producer.backpressure import Backpressure
from producer.content import Contents
from producer.encodings import Encodings
from producer.first_pass import first_pass, scan_all
from producer.jobs import jobs, members
from producer.outlook import Limits, Outlook, RefusedVersionError
from producer.preview import Preview
from producer.remote_versions import record_remote_versions
from producer.scanned import Scanned
from producer.sources import Source

SEALED_AT_ONCE = 100  # loads in one transaction, which keeps workers off their sources
FORGOTTEN_POLL = 1.0  # seconds between looks whether a source was forgotten

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
    servers that are away for a while; raises DrainTimeoutError after `drain_timeout` seconds without room,
    ForgottenError if one of the sources is forgotten meanwhile.
    """
    with queue.producing(), Contents() as contents:
        known = retry_transient(partial(_known, sources, database))
        versions = scan_all(sources, known, contents, encodings, chunk_rows)
        _check_versions(versions, known, contents, database, limits)
        before_sealing()
        loads = _seal_all(versions, contents, database, encodings, chunk_rows)
        record_remote_versions(contents.versions, loads, database)
        under_way = retry_transient(queue.state).under_way
        to_queue = {name: [chunk for chunk in load.missing if chunk.key not in under_way] for name, load in loads}
        retry_transient(partial(queue.drop_failures, list(chain(*to_queue.values()))))
        referred_to = {name for version in versions for name in others_referred_to(version.dataset)}
        with Progress("queueing", sum(map(_row_count, to_queue.values()))) as bar:
            room = Backpressure(queue, queue_limit, drain_timeout)
            sealed = SealedLoads(database, {load.id: name for name, load in loads})
            for job in jobs(members(versions, loads, to_queue, contents)):
                sealed.check_now_and_then()
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


@dataclass(frozen=True)
class Foreseen:
    """What a run would do."""

    forgotten: list[Forgotten]
    outlooks: list[Outlook]
    others: list[LoadProgress]  # loads of sources that it would leave as they are

    @property
    def good_rows(self) -> dict[str, int]:
        """By dataset, of all sources that the tables would then hold."""
        rows: Counter[str] = Counter()
        for load in self.others:
            rows[load.dataset] += load.row_count - load.rejected
        for outlook in self.outlooks:
            rows[outlook.dataset] += outlook.good
        return rows

    @property
    def rejected(self) -> int:
        """Rows of all sources, as the exporter counts them at the end of a run."""
        return sum(outlook.rejected for outlook in self.outlooks) + sum(load.rejected for load in self.others)

    @property
    def row_count(self) -> int:
        """Rows of all sources, as the exporter counts them at the end of a run."""
        return sum(outlook.row_count for outlook in self.outlooks) + sum(load.row_count for load in self.others)


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
        known = retry_transient(partial(_known, sources, database))
        versions = scan_all(sources, known, contents, encodings, chunk_rows)

        def attempt() -> Foreseen:
            with database.transaction(keep=False) as tx:
                forgotten, _ = forget_rows(tx, set(forget))
                outlooks = list(Preview(tx, contents, known, versions).exact())
                previewed = {outlook.source for outlook in outlooks}
                others = [load for load in ledger.progress(tx) if load.source not in previewed]
                return Foreseen(forgotten, outlooks, others)

        _check_versions(versions, known, contents, database, limits)
        return retry_transient(attempt)


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

        retry_transient(attempt)


def _known(sources: Sequence[Source], database: Database) -> dict[str, KnownSource]:
    """The sources that the ledger knows, by name.

    Raises SettingsError if the tables of a dataset are not as its description says, or if a source was loaded as
    another dataset.
    """
    check_supported(source.dataset for source in sources)
    with database.transaction() as tx:
        for dataset in {source.dataset.name: source.dataset for source in sources}.values():
            check_tables(tx, dataset, column)
        known = ledger.known_sources(tx)
    for source in sources:
        before = known.get(source.name)
        if before and before.dataset != source.dataset.name:
            raise SettingsError(
                f"{source.name} was loaded as {before.dataset}, and is described as {source.dataset.name} now;"
                f" forget {source.name} first"
            )
    return known


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
            return list(Preview(tx, contents, known, versions).judged(limits))

    judged = retry_transient(attempt)
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
                rescanned = first_pass(version.source, None, contents, encodings, chunk_rows)
                sealed |= _seal([rescanned], database, encodings)
            load = sealed[version.name]
            logger.debug(
                "%s: load %d, %s missing",
                version.name,
                load.id,
                counted(len(load.missing), "chunk"),
                extra={"source": version.name, "load": load.id, "chunks": len(load.missing), "rows": load.row_count},
            )
            loads.append((version.name, load))
    return loads


def _seal(versions: list[Scanned], database: Database, encodings: Encodings) -> dict[str, Load]:
    to_seal = [
        Version(
            source=version.name,
            dataset=version.dataset.name,
            description_sha256=version.description_sha256,
            refers_to=tuple(others_referred_to(version.dataset)),
            carries_over=not (version.dataset.primary_key or is_settled(version.dataset)),
            is_settled=is_settled(version.dataset),
            sha256=version.sha256,
            encoding=version.read_as,
            given_encoding=encodings.given(version.name),
            plan=version.plan,
        )
        for version in versions
    ]
    descriptions = {rules_of_rows(version.dataset) for version in versions}

    def attempt() -> dict[str, Load]:
        with database.transaction() as tx:
            for description in sorted(descriptions):
                ledger.enter_description(tx, description)
            gone = _have_gone_rows(tx, versions)
            loads = seal(tx, [replace(each, has_gone=each.source in gone) for each in to_seal])
            for dataset, description_sha256 in sorted({(each.dataset, each.description_sha256) for each in to_seal}):
                kept_aside.reopen_kept_aside(tx, dataset, description_sha256)
            return loads

    return retry_transient(attempt)


def _have_gone_rows(tx: Transaction, versions: list[Scanned]) -> set[str]:
    """The sources whose current loads kept rows for others, and nothing refers to some of them any more."""
    keep = ledger.loads_that_keep_rows(tx)
    loaders = DatasetLoaders()
    return {
        version.name
        for version in versions
        if version.name in keep and loaders.of(tx, version.description_sha256).has_gone(tx, *keep[version.name])
    }


def _row_count(chunks: list[MissingChunk]) -> int:
    return sum(chunk.plan.row_count for chunk in chunks)
