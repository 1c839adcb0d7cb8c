"""Loaded files that a run leaves out: those gone from the folder, and those whose rejected rows may be good now."""

import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline import remedies
from pipeline.datasets.loaders import DatasetLoaders
from pipeline.descriptions.description import Dataset, is_settled, others_referred_to
from pipeline.ledger import ledger
from pipeline.postgres.database import Database
from pipeline.tables.registry import recorded_tables
from pipeline.waiting import retry_transient
from pipeline.wording import counted, listed
from producer.produce import Produced

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class MissingSource:
    """A source that the ledger knows and the folder does not hold."""

    name: str
    rows: int  # in the tables
    is_elsewhere: bool  # its file is in the folder that it was loaded from, or the description has no such dataset

    def __str__(self) -> str:
        return f"{self.name} ({counted(self.rows, 'row')})"


def missing_sources(database: Database, found: set[str], described: set[str]) -> list[MissingSource]:
    """The sources that the ledger knows and the folder does not hold; `described` are the datasets of the folder."""
    loaders = DatasetLoaders()

    def attempt() -> list[MissingSource]:
        with database.transaction() as tx:
            known, tables = ledger.known_sources(tx), recorded_tables(tx)
            return [
                MissingSource(
                    name,
                    loaders.of(tx, digest).table.loaded_rows(tx, each.id) if each.dataset in tables else 0,
                    each.dataset not in described or (each.read_from is not None and os.path.isfile(each.read_from)),
                )
                for name, each in sorted(known.items())
                if name not in found and (digest := each.description_sha256)
            ]

    return retry_transient(attempt)


def warn_of_missing(missing: Sequence[MissingSource]) -> None:
    """Names them, and how to remove their rows."""
    if gone := [str(each) for each in missing if not each.is_elsewhere]:
        logger.warning(
            "loaded before, but not in this folder: %s; their rows stay; if one was renamed, remove the rows of its old"
            " name with %s, or those of all these files with --forget-missing",
            listed(gone),
            remedies.current.forget,
        )
    if elsewhere := [str(each) for each in missing if each.is_elsewhere]:
        logger.warning("loaded from other folders: %s; their rows stay", listed(elsewhere))


def warn_of_rejected(database: Database, loaded: set[str], results: Iterable[Produced]) -> None:
    """Names the sources that are not in the results and whose rejected rows may be good once datasets are loaded."""
    left_out = _rejected_rows(database, loaded, {result.source for result in results})
    if left_out:
        logger.warning(
            "rejected rows may be good once this is loaded: %s; run the producer without FILE to load them",
            listed([f"{counted(rows, 'row')} of {source}" for source, rows in left_out]),
        )


def _rejected_rows(database: Database, loaded: set[str], found: set[str]) -> list[tuple[str, int]]:
    loaders = DatasetLoaders()

    def attempt() -> list[tuple[str, int]]:
        with database.transaction() as tx:
            known = ledger.known_sources(tx)
            return [
                (load.source, load.rejected)
                for load in ledger.progress(tx)
                if load.source not in found
                and load.rejected
                and (digest := known[load.source].description_sha256)
                and not loaded.isdisjoint(_deciding(loaders.of(tx, digest).dataset))
            ]

    return retry_transient(attempt)


def _deciding(dataset: Dataset) -> set[str]:
    """The datasets whose files decide which rows of a dataset are good."""
    holds_keys = is_settled(dataset) or (dataset.primary_key and not dataset.shared_keys)
    return others_referred_to(dataset) | ({dataset.name} if holds_keys else set())
