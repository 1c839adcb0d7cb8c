"""Forgetting: a source, and every row of it, is removed from the tables, the ledger and the queue."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter

from pipeline import remedies
from pipeline.datasets.keyed import KeyedTable
from pipeline.datasets.loader import DatasetLoader
from pipeline.datasets.loaders import DatasetLoaders
from pipeline.datasets.referrers import rows_that_refer
from pipeline.descriptions.description import others_referred_to
from pipeline.descriptions.own_sql import difference_of_sql
from pipeline.errors import ForgottenError, InUseError, SettingsError
from pipeline.ledger import ledger
from pipeline.ledger.chunk import MissingChunk
from pipeline.ledger.load import KnownSource
from pipeline.postgres.database import Database
from pipeline.postgres.transaction import Transaction
from pipeline.queue import ChunkQueue
from pipeline.tables.registry import recorded_tables
from pipeline.waiting import retry_transient
from pipeline.wording import counted, listed


@dataclass(frozen=True)
class Forgotten:
    source: str
    dataset: str
    rows: int  # removed from the dataset's table

    def __str__(self) -> str:
        """Such as: people.csv: forgotten, 4 rows of people removed."""
        return f"{self.source}: forgotten, {self._removed} removed"

    @property
    def foreseen(self) -> str:
        """The same of a run that is yet to come."""
        return f"{self.source}: a run would forget it, and remove {self._removed}"

    @property
    def _removed(self) -> str:
        return f"{counted(self.rows, 'row')} of {self.dataset}"


def forget(database: Database, queue: ChunkQueue, sources: Iterable[str]) -> list[Forgotten]:
    """Removes sources with all their rows, loads, rejected rows and jobs: all of them, or none.

    Raises SettingsError if one is not known, InUseError if rows of other sources refer to its rows.
    """
    names = set(sources)

    def attempt() -> tuple[list[Forgotten], list[MissingChunk]]:
        with database.transaction() as tx:
            return forget_rows(tx, names)

    forgotten, chunks = retry_transient(attempt)
    queue.discard(chunks)
    queue.rewrite_log()
    return forgotten


def forget_rows(tx: Transaction, names: set[str]) -> tuple[list[Forgotten], list[MissingChunk]]:
    """Removes sources from tables and ledger; returns their chunks too, whose jobs may still be on the queue."""
    all_known = ledger.known_sources(tx)
    known = {name: each for name, each in all_known.items() if name in names}
    for name in sorted(names - known.keys()):
        others = "; the report loads.csv names those that are" if all_known else ": nothing is loaded"
        raise SettingsError(f"no source '{name}' is known{others}")
    ledger.lock_sources(tx, [each.id for each in known.values()])
    chunks = ledger.all_chunks(tx, [each.id for each in known.values()])
    tables = recorded_tables(tx)
    without_table = [name for name, each in known.items() if each.dataset not in tables]
    for name in without_table:
        ledger.forget(tx, known[name].id)
    gone = [Forgotten(name, known.pop(name).dataset, 0) for name in without_table]
    loaders = DatasetLoaders()
    of = {name: loaders.of(tx, _description(name, each)) for name, each in known.items()}
    refers_to = {loader.dataset.name: others_referred_to(loader.dataset) for loader in of.values()}
    # First what refers to others, such as people to places.
    order = {dataset: number for number, dataset in enumerate(TopologicalSorter(refers_to).static_order())}
    in_order = sorted(known, key=lambda name: (-order[known[name].dataset], name))
    ids = [each.id for each in known.values()]
    return gone + [_forget(tx, name, known[name].id, of[name], ids) for name in in_order], chunks


def check_not_forgotten(tx: Transaction, loads: Mapping[int, str]) -> None:
    """Raises ForgottenError if one of these sealed loads, given with their sources, is not in the ledger any more."""
    if gone := ledger.forgotten_loads(tx, loads):
        raise forgotten_meanwhile(loads[load] for load in gone)


def forgotten_meanwhile(sources: Iterable[str]) -> ForgottenError:
    names = sorted(sources)
    they_were, them = ("it was", "it") if len(names) == 1 else ("they were", "them")
    return ForgottenError(
        f"forgotten while {they_were} being loaded: {listed(names)}; no row of {them} is kept;"
        f" to load {them} after all, {remedies.current.produce_again}"
    )


def _forget(tx: Transaction, name: str, source_id: int, loader: DatasetLoader, together: list[int]) -> Forgotten:
    """Forgets one source; `together` are the ids of all sources that are being forgotten.

    Raises InUseError, naming the sources that refer to its rows, and SettingsError if its tables were made with other
    SQL of the dataset's own than there is here.
    """
    dataset, table = loader.dataset, loader.table
    if difference := difference_of_sql(dataset, loader.made_with_sql, loader.own_sql):
        raise SettingsError(
            f"dataset '{dataset.name}': its tables were made {difference};"
            " name the same DATASETS_DIR as for `pipeline schema`, or run `pipeline schema` with this one first"
        )
    condition = table.is_removed_with_source
    if in_use := rows_that_refer(tx, loader.names["table"], condition, source_id=source_id, together=together):
        named = ", ".join(f"{counted(count, 'row')} of {source}" for source, count in in_use)
        sources = ", ".join(source for source, _ in in_use)
        raise InUseError(
            f"{name} cannot be forgotten: its {dataset.name} are named by {named}; forget {sources} before it or"
            " together with it"
        )
    rows = table.forget(tx, source_id)
    ledger.forget(tx, source_id)
    if isinstance(table, KeyedTable):
        table.end_forgetting(tx)
    return Forgotten(name, dataset.name, rows)


def _description(name: str, known: KnownSource) -> str:
    if known.description_sha256 is None:
        raise SettingsError(f"{name} was loaded by an earlier version; run `pipeline schema` first")
    return known.description_sha256
