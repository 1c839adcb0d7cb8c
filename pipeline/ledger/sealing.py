"""Sealing: the plan of a load is entered into the ledger whole, before any row of it is queued."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from pipeline.errors import TransientError
from pipeline.ledger import ledger
from pipeline.ledger.chunk import MissingChunk
from pipeline.ledger.load import LoadPlan
from pipeline.postgres.database import Transaction
from pipeline.postgres.queries import Queries

SQL = Queries(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True)
class Version:
    """One version of a source's content, to become its current load."""

    source: str
    dataset: str
    description_sha256: str  # of the dataset's description, which the ledger has
    refers_to: tuple[str, ...]  # datasets that its rows name
    carries_over: bool  # whether rows of a committed chunk stay until a chunk that covers their numbers replaces them
    is_settled: bool  # whether its rows wait for all chunks of the dataset
    sha256: str
    encoding: str
    given_encoding: str | None  # recorded for later runs, if the user gave one in this run
    plan: LoadPlan | None  # None: not scanned, because the ledger had this content when it was asked
    has_gone: bool = False  # whether its current load can remove rows that were kept for others


@dataclass(frozen=True)
class Load:
    """A sealed load, and its chunks that are not committed yet."""

    id: int
    row_count: int
    missing: list[MissingChunk]


def seal(tx: Transaction, versions: Sequence[Version]) -> dict[str, Load]:
    """Makes each version the current load of its source, unless the current load has the same content already.

    Returns the current loads by source, without those of versions that were not scanned and are not current any more.
    A new load supersedes the one before: from the commit on, chunks of that one change nothing, and chunks that were
    being committed have been waited for. Chunks that are the same in both, and committed without a rejected row, are
    committed in the new one too, but for the last. In a load that is current already, chunks with rejected rows become
    missing again if a dataset that their rows refer to was loaded since.
    Raises TransientError if one of the sources is being forgotten.
    """
    tx.run(SQL["versions"], versions=json.dumps([_row(position, each) for position, each in enumerate(versions)]))
    tx.copy("sealing_chunks", CHUNK_COLUMNS, _chunk_lines(versions))
    sealed = tx.rows(SQL["seal"])
    for source, load, _ in sealed:
        if load is None:
            raise TransientError(f"{source} was forgotten at this moment")
    missing = ledger.missing_chunks(tx, [load for _, load, _ in sealed])
    by_load = {load: list(chunks) for load, chunks in groupby(missing, lambda chunk: chunk.load)}
    return {source: Load(load, row_count, by_load.get(load, [])) for source, load, row_count in sealed}


CHUNK_COLUMNS = (
    "position",
    "number",
    "first_row",
    "row_count",
    "first_line",
    "byte_offset",
    "byte_count",
    "sha256",
    "line_count",
)


def _row(position: int, version: Version) -> dict[str, object]:
    plan = version.plan
    return {
        "position": position,
        "name": version.source,
        "dataset": version.dataset,
        "description_sha256": version.description_sha256,
        "refers_to": version.refers_to,
        "carries_over": version.carries_over,
        "is_settled": version.is_settled,
        "has_gone": version.has_gone,
        "sha256": version.sha256,
        "encoding": version.encoding,
        "given_encoding": version.given_encoding,
        "columns": plan and plan.columns,
        "delimiter": plan and plan.delimiter,
        "row_count": plan and plan.row_count,
        "chunk_count": plan and len(plan.chunks),
    }


def _chunk_lines(versions: Iterable[Version]) -> Iterable[str]:
    for position, version in enumerate(versions):
        for c in version.plan.chunks if version.plan else ():
            yield (
                f"{position}\t{c.number}\t{c.first_row}\t{c.row_count}\t{c.first_line}"
                f"\t{c.byte_offset}\t{c.byte_count}\t{c.sha256}\t{c.line_count}"
            )
