"""Sealing: the plan of a load is entered into the ledger whole, before any row of it is queued."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import groupby, starmap
from pathlib import Path

from pipeline.errors import TransientError
from pipeline.ledger import ledger
from pipeline.ledger.chunk import ChunkPlan, MissingChunk
from pipeline.ledger.load import LoadPlan
from pipeline.postgres.queries import Queries
from pipeline.postgres.transaction import Transaction

SQL = Queries(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True)
class Version:
    """One version of a source's content, to become its current load."""

    name: str  # of the source
    dataset: str
    description_sha256: str  # of the dataset's description, which the ledger has
    refers_to: tuple[str, ...]  # datasets that its rows name
    carries_over: bool  # whether rows of a committed chunk stay until a chunk that covers their numbers replaces them
    is_settled: bool  # whether its rows wait for all chunks of the dataset
    sha256: str
    encoding: str
    given_encoding: str | None  # recorded for later runs, if the user gave one in this run
    read_from: str | None  # path of the file; None: it is not in a folder
    plan: LoadPlan | None  # None: not scanned, because the ledger had this content when it was asked
    has_removable_rows: bool = False  # whether its current load can remove rows that were kept for others


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
    tx.run(SQL["versions"], versions=json.dumps(list(starmap(_as_json, enumerate(versions)))))
    tx.copy("sealing_chunks", ("position", *CHUNK_COLUMNS), _chunk_lines(versions))
    sealed = tx.rows(SQL["seal"])
    for source, load, _ in sealed:
        if load is None:
            raise TransientError(f"{source} was forgotten at this moment")
    missing = ledger.missing_chunks(tx, [load for _, load, _ in sealed])
    by_load = {load: list(chunks) for load, chunks in groupby(missing, lambda chunk: chunk.load)}
    return {source: Load(load, row_count, by_load.get(load, [])) for source, load, row_count in sealed}


CHUNK_COLUMNS = tuple(field.name for field in fields(ChunkPlan))


def _as_json(position: int, version: Version) -> dict[str, object]:
    """What sealing.sql reads of a version; columns, delimiter and counts are null if it was not scanned."""
    plan = version.plan
    return {name: value for name, value in vars(version).items() if name != "plan"} | {
        "position": position,
        "columns": plan and plan.columns,
        "delimiter": plan and plan.delimiter,
        "row_count": plan and plan.row_count,
        "chunk_count": plan and len(plan.chunks),
    }


def _chunk_lines(versions: Sequence[Version]) -> Iterator[str]:
    for position, version in enumerate(versions):
        for chunk in version.plan.chunks if version.plan else ():
            yield "\t".join(map(str, (position, *vars(chunk).values())))
