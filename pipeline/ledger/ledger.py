"""The ledger: what was to be loaded, what is committed, what is missing. The one proof that a load is done."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import starmap
from pathlib import Path
from typing import Any

from pipeline.errors import PipelineError, TransientError, UnknownChunkError
from pipeline.postgres.database import Transaction, binary
from pipeline.postgres.queries import Queries
from pipeline.process_name import process_name
from pipeline.wording import counted

SQL = Queries(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True)
class ChunkPlan:
    """One chunk of a scanned file: its position, and the fingerprint of its bytes."""

    number: int  # from 1
    first_row: int  # row number, from 1
    row_count: int
    first_line: int  # physical line, the header begins on 1
    byte_offset: int
    byte_count: int
    sha256: str


@dataclass(frozen=True)
class LoadPlan:
    """One version of a source's content, as the first pass over the file found it."""

    source: str
    dataset: str
    sha256: str
    columns: tuple[str, ...]  # of the header, in the order of the file
    delimiter: str
    chunks: tuple[ChunkPlan, ...]  # at least one, even without a row

    @property
    def row_count(self) -> int:
        return sum(chunk.row_count for chunk in self.chunks)


@dataclass(frozen=True)
class MissingChunk:
    """A chunk of a current load that is not committed yet."""

    load: int
    source: str
    reopened: int  # how often it was made missing again
    plan: ChunkPlan

    @property
    def key(self) -> str:
        """What the id of a job calls the chunk, in letters, digits and hyphens. Another content has another key.

        So has a chunk that was reopened: the job that committed it before may not be off the queue yet.
        """
        key = f"load-{self.load}-chunk-{self.plan.number}-{self.plan.sha256[:12]}"
        return f"{key}-{self.reopened}" if self.reopened else key

    def __str__(self) -> str:
        first, count = self.plan.first_row, self.plan.row_count
        rows = f"rows {first} to {first + count - 1}" if count else "no rows"
        return f"{self.source} chunk {self.plan.number} ({rows})"


@dataclass(frozen=True)
class KnownSource:
    """A source that was loaded before, and its current load."""

    id: int
    dataset: str
    given_encoding: str | None  # as the user gave it, in any run
    load: int
    sha256: str | None  # None: the load was planned by an earlier version, and has to be planned again
    description_sha256: str | None  # None: its dataset has no description yet, since `pipeline schema` was not run
    encoding: str | None  # that its current load was read in; None: recorded before encodings were
    row_count: int

    def may_have(self, description_sha256: str, encoding: str) -> bool:
        """Whether a content that was read like this can be that of the current load."""
        return (
            self.sha256 is not None
            and self.description_sha256 == description_sha256
            and self.encoding in (None, encoding)
        )


@dataclass(frozen=True)
class Claim:
    """A chunk that this transaction alone may load; everything about it but its text."""

    source: str
    dataset: str
    columns: tuple[str, ...]
    delimiter: str
    load: int
    number: int
    source_id: int
    first_row: int
    last_row: int | None  # None in the last chunk of a load: all rows from first_row on are its own
    first_line: int
    row_count: int
    sha256: str
    description_sha256: str  # of the dataset's description


@dataclass(frozen=True)
class KeptChunk:
    """A committed chunk whose rows are kept aside until all of its dataset are settled."""

    load: int
    number: int
    source_id: int
    first_row: int
    row_count_of_load: int


@dataclass(frozen=True)
class Counts:
    """What became of the rows of a chunk: rows read = inserted + updated + unchanged + rejected."""

    inserted: int
    updated: int
    unchanged: int
    rejected: int
    deleted: int  # rows of an earlier version that are gone; not among the rows read


@dataclass(frozen=True)
class Missing:
    """Whether chunks are missing besides one that is claimed."""

    of_load: bool
    of_dataset: bool


@dataclass(frozen=True)
class Gone:
    """What became of the rows that a load does not list."""

    load: int
    removed: int
    is_kept: bool  # whether some stay


@dataclass(frozen=True)
class LoadProgress:
    """How far a current load is, and what became of its rows."""

    load: int
    source: str
    row_count: int
    committed_rows: int
    inserted: int
    updated: int
    unchanged: int
    rejected: int
    deleted: int
    complete: bool
    seconds: float | None = None  # from sealing to the last commit; None: nothing had to be loaded

    def __str__(self) -> str:
        """Such as: people.csv: 2 rows = 1 inserted + 0 updated + 0 unchanged + 1 rejected; 3 deleted."""
        return (
            f"{self.source}: {counted(self.row_count, 'row')} = {self.inserted:,} inserted + {self.updated:,} updated"
            f" + {self.unchanged:,} unchanged + {self.rejected:,} rejected; {self.deleted:,} deleted"
        )


@dataclass(frozen=True)
class RejectedKind:
    """Rejected rows of all sources that have the same fault."""

    kind: str
    row_count: int
    source: str  # of the first of them, as all that follows
    line: int
    reason: str

    def __str__(self) -> str:
        """Such as: 4 x family_name is empty, such as people.csv line 7: family_name is empty."""
        return f"{self.row_count:,} x {self.kind}, such as {self.source} line {self.line}: {self.reason}"


def installation(tx: Transaction) -> str:
    """The id of the database: no other has it, unless it is a copy."""
    return str(tx.value(SQL["installation"]))


def known_sources(tx: Transaction) -> dict[str, KnownSource]:
    """The sources that have a load, by name. Without a lock: one may have another load a moment later."""
    return {name: KnownSource(*known) for name, *known in tx.rows(SQL["known_sources"])}


def header(tx: Transaction, load: int) -> tuple[tuple[str, ...], str]:
    """Columns and delimiter of a load."""
    [(columns, delimiter)] = tx.rows(SQL["header_of_load"], load=load)
    return tuple(columns), delimiter


def chunks(tx: Transaction, load: int) -> list[tuple[ChunkPlan, int | None]]:
    """The chunks of a load in order, each with its number of rejected rows; None if those are not known yet."""
    return [(ChunkPlan(*plan), rejected) for *plan, rejected in tx.rows(SQL["chunks_of_load"], load=load)]


def missing_chunks(tx: Transaction, loads: list[int] | None = None) -> list[MissingChunk]:
    """The chunks that are not committed yet, of some loads or of all current ones, in order."""
    return _missing(tx, loads=loads)


def all_chunks(tx: Transaction, source_ids: list[int]) -> list[MissingChunk]:
    """Every chunk of some sources, as it would be if it were missing, to find their jobs by."""
    return list(starmap(_chunk, tx.rows(SQL["all_chunks"], source_ids=source_ids)))


def forgotten_loads(tx: Transaction, loads: Collection[int]) -> set[int]:
    """Those of some sealed loads that are not in the ledger any more."""
    found = tx.rows("SELECT id FROM loads WHERE id = ANY (%(loads)s)", loads=list(loads))
    return set(loads) - {load for (load,) in found}


def lock_sources(tx: Transaction, source_ids: list[int]) -> None:
    """Keeps others from loading or sealing these sources until the end of the transaction."""
    tx.run(SQL["lock_sources"], source_ids=source_ids)


def forget(tx: Transaction, source_id: int) -> None:
    """Removes a source, its rejected rows and its loads."""
    tx.run(SQL["forget_source"], source_id=source_id)


def progress(tx: Transaction) -> list[LoadProgress]:
    """One entry for each current load, by source."""
    return [LoadProgress(*row) for row in tx.rows(SQL["current_progress"])]


def claim(tx: Transaction, load: int, number: int) -> Claim | None:
    """Takes a chunk for this transaction; None if it is committed already or its load is superseded.

    Waits while another transaction has it. Until the end of the transaction the load stays current.
    Raises UnknownChunkError if the ledger has no such chunk.
    """
    row = tx.row(SQL["claim_chunk"], load=load, number=number)
    if row is None:
        raise UnknownChunkError(f"the ledger has no chunk {number} of a load {load}: forgotten since, or never sealed")
    is_to_load, source, dataset, columns, delimiter, *rest = row
    return Claim(source, dataset, tuple(columns), delimiter, load, number, *rest) if is_to_load else None


def first_missing(tx: Transaction, datasets: tuple[str, ...]) -> MissingChunk | None:
    """The first chunk of the current loads of these datasets that is not committed yet; None: all are complete."""
    return next(iter(_missing(tx, datasets=list(datasets), limit=1)), None)


def first_missing_of_removing(tx: Transaction, datasets: tuple[str, ...]) -> MissingChunk | None:
    """As `first_missing`, of those of these datasets that remove rows once they are complete, or may do so."""
    if first_missing(tx, datasets) is None:
        return None
    return first_missing(tx, tuple(name for (name,) in tx.rows(SQL["removing"], datasets=list(datasets))))


def first_missing_before(tx: Transaction, claimed: Claim) -> MissingChunk | None:
    """The first chunk of the same load, before the claimed one, that is not committed yet."""
    return next(iter(_missing(tx, loads=[claimed.load], before=claimed.number, limit=1)), None)


def rejected_kinds(tx: Transaction, limit: int) -> list[RejectedKind]:
    """The commonest kinds of faults among the rejected rows."""
    return list(starmap(RejectedKind, tx.rows(SQL["rejected_kinds"], limit=limit)))


def record(tx: Transaction, claimed: Claim, counts: Counts) -> None:
    """Enters the claimed chunk as committed; it becomes true with the commit of this transaction."""
    tx.run(
        SQL["record_chunk"],
        load=claimed.load,
        number=claimed.number,
        inserted=counts.inserted,
        updated=counts.updated,
        unchanged=counts.unchanged,
        rejected=counts.rejected,
        deleted=counts.deleted,
        worker=process_name(),
    )


def description(tx: Transaction, sha256: str) -> str:
    """The description of a dataset, by its digest."""
    content = tx.value(SQL["description"], sha256=sha256)
    if content is None:
        raise PipelineError(f"the ledger has no description {sha256}; run `pipeline schema`")
    return str(content)


def enter_description(tx: Transaction, content: str) -> None:
    """Enters the description of a dataset, for the loads that are sealed with it."""
    tx.run(SQL["enter_description"], content=content)


def describe_earlier_loads(tx: Transaction, dataset: str, sha256: str, content: str) -> None:
    """Records the description of loads of a dataset that have none."""
    tx.run(SQL["describe_earlier_loads"], dataset=dataset, sha256=sha256, content=content)


def delete_rejected(tx: Transaction, claimed: Claim) -> None:
    """Removes the rejected rows in the range of a chunk."""
    span = {"first_row": claimed.first_row, "last_row": claimed.last_row}
    tx.run(SQL["delete_rejected"], source_id=claimed.source_id, **span)


def missing_besides(tx: Transaction, claimed: Claim) -> Missing:
    """Whether load and dataset are complete with this chunk; to be asked after `drop_texts`."""
    [row] = tx.rows(SQL["missing_besides"], dataset=claimed.dataset, load=claimed.load, number=claimed.number)
    return Missing(*row)


def is_missing(tx: Transaction, dataset: str) -> bool:
    """Whether a chunk of a dataset is missing; to be asked after `drop_texts`."""
    return first_missing(tx, (dataset,)) is not None


def may_be_displaced(tx: Transaction, claimed: Claim) -> bool:
    """Whether a chunk is missing whose rows come before those of this one, in the same dataset."""
    return bool(tx.value(SQL["may_be_displaced"], dataset=claimed.dataset, load=claimed.load, number=claimed.number))


def keep_text(tx: Transaction, claimed: Claim, content: bytes) -> None:
    """Keeps the text of a chunk of a keyed dataset as long as an earlier row can have the key of one of its rows."""
    tx.run(SQL["keep_text"], load=claimed.load, number=claimed.number, content=binary(content))


def kept_text(tx: Transaction, load: int, number: int) -> tuple[Claim, bytes]:
    """A committed chunk whose text is kept."""
    [(_, source, dataset, columns, delimiter, *rest, content)] = tx.rows(SQL["kept_text"], load=load, number=number)
    return Claim(source, dataset, tuple(columns), delimiter, load, number, *rest), bytes(content)


def keep_rows(tx: Transaction, claimed: Claim, content: bytes, lines: bytes) -> None:
    """Keeps the good rows of a chunk aside until they are settled, as lines for COPY, and its text."""
    tx.run(SQL["keep_rows"], load=claimed.load, number=claimed.number, content=binary(content), lines=binary(lines))


def is_dataset_complete(tx: Transaction, dataset: str) -> bool:
    """Whether no chunk of its current loads is missing. Others who ask wait for the end of this transaction."""
    tx.run(SQL["lock_rows_kept_aside"], dataset=dataset)
    return first_missing(tx, (dataset,)) is None


def chunks_kept_aside(tx: Transaction, dataset: str) -> list[KeptChunk]:
    """The chunks of current loads whose rows are kept aside, in order. Their loads stay current for this transaction.

    Raises TransientError if one of them is sealed anew or forgotten at this moment.
    """
    if not tx.value(SQL["share_sources_kept_aside"], dataset=dataset):
        raise TransientError(f"a source of {dataset} is sealed or forgotten at this moment")
    return list(starmap(KeptChunk, tx.rows(SQL["chunks_kept_aside"], dataset=dataset)))


def rows_kept_aside(tx: Transaction, load: int, number: int) -> list[str]:
    """The rows of a chunk as `keep_rows` was given them."""
    lines = bytes(tx.value(SQL["rows_kept_aside"], load=load, number=number)).decode()
    return lines.split("\n") if lines else []


def drop_kept_aside(tx: Transaction, dataset: str) -> None:
    """Removes all that is kept aside of a dataset."""
    tx.run(SQL["drop_kept_aside"], dataset=dataset)


def reopen_kept_aside(tx: Transaction, dataset: str) -> None:
    """Makes chunks missing again whose rows are not settled yet, since the chunk that would have done so is gone."""
    tx.run(SQL["reopen_kept_aside"], dataset=dataset)


def record_settled(tx: Transaction, chunk: KeptChunk, counts: Counts, moment: datetime) -> None:
    """Enters what became of the rows of a chunk when they were settled; rows that are in no count were rejected."""
    tx.run(
        SQL["record_settled"],
        load=chunk.load,
        number=chunk.number,
        inserted=counts.inserted,
        updated=counts.updated,
        unchanged=counts.unchanged,
        deleted=counts.deleted,
        moment=moment,
    )


def now(tx: Transaction) -> datetime:
    """The time of the server, also within a transaction that began before."""
    moment: datetime = tx.value("SELECT clock_timestamp()")
    return moment


def drop_texts(tx: Transaction, dataset: str, claimed: Claim | None = None) -> None:
    """Removes the texts that no missing chunk, this one aside, needs any more.

    Other transactions of the dataset that do so wait for the end of this one.
    """
    load, number = (claimed.load, claimed.number) if claimed else (0, 0)
    tx.run(SQL["drop_texts"], dataset=dataset, load=load, number=number)


def record_kept(tx: Transaction, load: int, *, is_kept: bool) -> None:
    """Records whether rows stay that the load does not list; if so, each run looks whether they may go."""
    tx.run(SQL["record_kept"], load=load, is_kept=is_kept)


def record_gone(tx: Transaction, gone: Sequence[Gone], own_load: int | None) -> None:
    """Records what became of rows that loads do not list; the chunk in hand counts those of its own load."""
    tx.run(
        SQL["record_gone"],
        loads=[each.load for each in gone],
        removed=[each.removed for each in gone],
        kept=[each.is_kept for each in gone],
        own_load=own_load,
    )


def loads_that_keep_rows(tx: Transaction) -> dict[str, tuple[int, int]]:
    """Source id and current load of each source whose rows stay though the load does not list them."""
    return {name: (source_id, load) for name, source_id, load in tx.rows(SQL["loads_that_keep_rows"])}


def free_keys(tx: Transaction, dataset: str, moment: datetime | None = None) -> None:
    """Records that keys of a dataset have become free, now or at a moment: rows rejected for them may be good now."""
    tx.run(SQL["free_keys"], dataset=dataset, moment=moment)


def reject_committed(tx: Transaction, claimed: Claim, counts: Counts) -> None:
    """Counts so many rows of a committed chunk as rejected that were counted otherwise."""
    counted = {"inserted": counts.inserted, "updated": counts.updated, "unchanged": counts.unchanged}
    tx.run(SQL["reject_committed"], load=claimed.load, number=claimed.number, **counted)


def update_committed(tx: Transaction, load: int, number: int, count: int) -> None:
    """Counts so many rows of a committed chunk as updated that were counted as unchanged."""
    tx.run(SQL["update_committed"], load=load, number=number, count=count)


def _chunk(load: int, source: str, reopened: int, *plan: Any) -> MissingChunk:
    return MissingChunk(load, source, reopened, ChunkPlan(*plan))


def _missing(
    tx: Transaction,
    loads: list[int] | None = None,
    datasets: list[str] | None = None,
    before: int | None = None,
    limit: int | None = None,
) -> list[MissingChunk]:
    conditions = {"loads": loads, "datasets": datasets, "before": before, "limit": limit}
    return list(starmap(_chunk, tx.rows(SQL["missing_chunks"], **conditions)))
