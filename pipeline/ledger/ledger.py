"""The ledger: what was to be loaded, what is committed, what is missing. The one proof that a load is done."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import starmap
from pathlib import Path
from typing import Any

from pipeline.errors import PipelineError, UnknownChunkError
from pipeline.ledger.chunk import ChunkPlan, Claim, Counts, Missing, MissingChunk
from pipeline.ledger.load import Gone, KnownSource, LoadProgress, RejectedKind
from pipeline.postgres.queries import Queries
from pipeline.postgres.transaction import Transaction
from pipeline.process_name import process_name

FILE = Path(__file__).with_suffix(".sql")
COLUMNS = {name: Queries(FILE)[name] for name in ("chunk_columns", "claim_columns")}
SQL = Queries(FILE, COLUMNS)


def installation(tx: Transaction) -> str:
    """The id of the database: no other has it, unless it is a copy."""
    return str(tx.value(SQL["installation"]))


def known_sources(tx: Transaction) -> dict[str, KnownSource]:
    """The sources that have a load, by name. Without a lock: one may have another load a moment later."""
    return {name: KnownSource(*known) for name, *known in tx.rows(SQL["known_sources"])}


def record_remote_versions(tx: Transaction, versions: Mapping[int, str]) -> None:
    """Records by load which version of its file on a server has the content of the load."""
    tx.run(SQL["record_remote_versions"], loads=list(versions), versions=list(versions.values()))


def header(tx: Transaction, load: int) -> tuple[tuple[str, ...], str]:
    """Columns and delimiter of a load."""
    [(columns, delimiter)] = tx.rows(SQL["header_of_load"], load=load)
    return tuple(columns), delimiter


def chunks(tx: Transaction, load: int) -> list[tuple[ChunkPlan, int | None]]:
    """The chunks of a load in order, each with its number of rejected rows; None if those are not known yet."""
    return [(ChunkPlan(*plan), rejected) for rejected, *plan in tx.rows(SQL["chunks_of_load"], load=load)]


def current_chunks(tx: Transaction, source_id: int) -> list[ChunkPlan]:
    """The chunks of the current load of a source, in order."""
    load = tx.value("SELECT max(id) FROM loads WHERE source_id = %(source_id)s", source_id=source_id)
    return [plan for plan, _ in chunks(tx, load)]


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
    is_to_load, *described = row
    return as_claim(load, number, described) if is_to_load else None


def as_claim(load: int, number: int, described: Sequence[Any]) -> Claim:
    """The chunk that a query describes by `claim_columns`."""
    source, dataset, columns, delimiter, *rest = described
    return Claim(source, dataset, tuple(columns), delimiter, load, number, *rest)


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


def record(tx: Transaction, claimed: Claim, counts: Counts, retries: int) -> None:
    """Enters the claimed chunk as committed; it becomes true with the commit of this transaction.

    `retries` is the number of attempts before this one.
    """
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
        retries=retries,
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


def is_first_load(tx: Transaction, claimed: Claim) -> bool:
    """Whether the chunk is one of the first version of its source."""
    return bool(tx.value(SQL["is_first_load"], source_id=claimed.source_id, load=claimed.load))


def now(tx: Transaction) -> datetime:
    """The time of the server, also within a transaction that began before."""
    moment: datetime = tx.value("SELECT clock_timestamp()")
    return moment


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
