"""The ledger: what was to be loaded, what is committed, what is missing. The one proof that a load is done."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.database import Transaction
from pipeline.errors import RefusedJobError, RetryLaterError

SQL = Path(__file__).parent / "sql"


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
    def job_id(self) -> str:
        """Deterministic, so that a chunk is on the queue at most once; another content has another id.

        So has a chunk that was reopened: the job that committed it before may not be off the queue yet.
        """
        job_id = f"load-{self.load}-chunk-{self.plan.number}-{self.plan.sha256[:12]}"
        return f"{job_id}-{self.reopened}" if self.reopened else job_id

    def __str__(self) -> str:
        first, count = self.plan.first_row, self.plan.row_count
        rows = f"rows {first} to {first + count - 1}" if count else "no rows"
        return f"{self.source} chunk {self.plan.number} ({rows})"


@dataclass(frozen=True)
class Load:
    """A sealed load, and its chunks that are not committed yet."""

    id: int
    row_count: int
    missing: list[MissingChunk]


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
    sha256: str


@dataclass(frozen=True)
class Counts:
    """What became of the rows of a chunk: rows read = inserted + updated + unchanged + rejected."""

    inserted: int
    updated: int
    unchanged: int
    rejected: int
    deleted: int  # rows of an earlier version that are gone; not among the rows read


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

    def __str__(self) -> str:
        """The account of its rows, such as: people.csv: 4 rows = 3 inserted + 0 updated + 0 unchanged + 1 rejected."""
        rows = (
            f"{self.row_count:,} rows"
            if self.complete
            else f"{self.committed_rows:,} of {self.row_count:,} rows so far"
        )
        return (
            f"{self.source}: {rows} = {self.inserted:,} inserted + {self.updated:,} updated"
            f" + {self.unchanged:,} unchanged + {self.rejected:,} rejected"
        )


def current_contents(tx: Transaction) -> dict[str, str]:
    """The SHA-256 of each source's current load, by name. Without a lock: it may be another one a moment later."""
    return dict(tx.rows(SQL / "current_contents.sql"))


def resume(tx: Transaction, source: str, sha256: str, refers_to: tuple[str, ...]) -> Load | None:
    """The current load of a source, if it is of this content; else None.

    Chunks with rejected rows become missing again if one of the datasets that its rows refer to was loaded since.
    """
    source_id = tx.value(SQL / "source_by_name.sql", name=source)
    if source_id is None:
        return None
    tx.run(SQL / "lock_source_alone.sql", source_id=source_id)
    return _resumed(tx, source_id, sha256, refers_to)


def seal(tx: Transaction, plan: LoadPlan, refers_to: tuple[str, ...], *, chunks_stay: bool) -> Load:
    """Makes `plan` the current load of its source, unless that has the same content already: then as `resume`.

    A new load supersedes the one before: from the commit on, chunks of that one change nothing, and chunks
    that were being committed have been waited for. If `chunks_stay`, chunks but the last that are the same in
    both, and committed without a rejected row, are committed in the new one too: all their rows are unchanged.
    Raises RetryLaterError if somebody forgets the source at the same time.
    """
    source_id = tx.value(SQL / "register_source.sql", name=plan.source, dataset=plan.dataset)
    tx.run(SQL / "lock_source_alone.sql", source_id=source_id)
    if tx.value(SQL / "source_by_name.sql", name=plan.source) != source_id:
        raise RetryLaterError(f"{plan.source} was forgotten at this moment")
    if resumed := _resumed(tx, source_id, plan.sha256, refers_to):
        return resumed
    load = tx.value(
        SQL / "insert_load.sql",
        source_id=source_id,
        sha256=plan.sha256,
        columns=list(plan.columns),
        delimiter=plan.delimiter,
        row_count=plan.row_count,
        chunk_count=len(plan.chunks),
    )
    tx.copy(
        "load_chunks",
        ("load_id", "number", "first_row", "row_count", "first_line", "byte_offset", "byte_count", "sha256"),
        (
            f"{load}\t{c.number}\t{c.first_row}\t{c.row_count}\t{c.first_line}"
            f"\t{c.byte_offset}\t{c.byte_count}\t{c.sha256}"
            for c in plan.chunks
        ),
    )
    if chunks_stay:
        tx.run(SQL / "carry_over.sql", load=load)
    return Load(load, plan.row_count, missing_chunks(tx, load))


def _resumed(tx: Transaction, source_id: int, sha256: str, refers_to: tuple[str, ...]) -> Load | None:
    current = tx.row(SQL / "current_load.sql", source_id=source_id)
    if current is None or current[1] != sha256:
        return None
    load, _, row_count = current
    tx.run(SQL / "reopen_chunks.sql", load=load, refers_to=list(refers_to))
    return Load(load, row_count, missing_chunks(tx, load))


def missing_chunks(tx: Transaction, load: int | None = None) -> list[MissingChunk]:
    """The chunks that are not committed yet, of `load` or of all current loads, in order."""
    rows = tx.rows(SQL / "missing_chunks.sql", load=load)
    return [MissingChunk(load_id, source, reopened, ChunkPlan(*plan)) for load_id, source, reopened, *plan in rows]


def progress(tx: Transaction) -> list[LoadProgress]:
    """One entry for each current load, by source."""
    return [LoadProgress(*row) for row in tx.rows(SQL / "current_progress.sql")]


def claim(tx: Transaction, load: int, number: int) -> Claim | None:
    """Takes a chunk for this transaction; None if it is committed already or its load is superseded.

    Waits while another transaction has it. Until the end of the transaction the load stays current.
    Raises RefusedJobError if the ledger has no such chunk.
    """
    source_id = tx.value(SQL / "source_of_chunk.sql", load=load, number=number)
    if source_id is None:
        raise RefusedJobError(f"the ledger has no chunk {number} of a load {load}: forgotten since, or never sealed")
    tx.run(SQL / "lock_source_shared.sql", source_id=source_id)
    row = tx.row(SQL / "claim_chunk.sql", load=load, number=number)
    if row is None:
        return None
    source, dataset, columns, delimiter, *rest = row
    return Claim(source, dataset, tuple(columns), delimiter, load, number, *rest)


def is_loading(tx: Transaction, datasets: tuple[str, ...]) -> bool:
    """Whether a current load of one of these datasets is incomplete."""
    return bool(tx.value(SQL / "is_loading.sql", datasets=list(datasets)))


def rejected_kinds(tx: Transaction, limit: int) -> list[tuple[str, int]]:
    """The commonest kinds of faults among the rejected rows, each with its number of rows."""
    return [(kind, count) for kind, count in tx.rows(SQL / "rejected_kinds.sql", limit=limit)]


def is_preceded(tx: Transaction, claimed: Claim) -> bool:
    """Whether a chunk before this one, of the same load, is not committed yet."""
    return bool(tx.value(SQL / "is_preceded.sql", load=claimed.load, number=claimed.number))


def record(tx: Transaction, claimed: Claim, counts: Counts) -> None:
    """Enters the claimed chunk as committed; it becomes true with the commit of this transaction."""
    tx.run(
        SQL / "record_chunk.sql",
        load=claimed.load,
        number=claimed.number,
        inserted=counts.inserted,
        updated=counts.updated,
        unchanged=counts.unchanged,
        rejected=counts.rejected,
        deleted=counts.deleted,
    )


def forget(tx: Transaction, source: str) -> int | None:
    """Removes a source with all its rows and loads; returns the rows removed, None if there is no such source."""
    source_id = tx.value(SQL / "source_by_name.sql", name=source)
    if source_id is None:
        return None
    tx.run(SQL / "lock_source_alone.sql", source_id=source_id)
    return int(tx.value(SQL / "forget_source.sql", source_id=source_id))
