"""Loaded files that a run leaves out: those gone from the folder, and those whose rejected rows may be good now."""

import logging
from collections.abc import Iterable, Sequence

from pipeline import remedies
from pipeline.datasets.loaders import DatasetLoaders
from pipeline.descriptions.description import Dataset, is_settled, others_referred_to
from pipeline.ledger import ledger
from pipeline.postgres.database import Database
from pipeline.waiting import retry_transient
from pipeline.wording import counted, listed
from producer.produce import Produced

logger = logging.getLogger(__name__)


def missing_sources(database: Database, found: set[str]) -> list[tuple[str, int]]:
    """The sources that the ledger knows and the folder does not hold, each with its rows in the tables."""
    loaders = DatasetLoaders()

    def attempt() -> list[tuple[str, int]]:
        with database.transaction() as tx:
            known = ledger.known_sources(tx)
            return [
                (name, loaders.of(tx, digest).table.loaded_rows(tx, known[name].id))
                for name in sorted(known.keys() - found)
                if (digest := known[name].description_sha256)
            ]

    return retry_transient(attempt)


def warn_of_missing(missing: Sequence[tuple[str, int]]) -> None:
    """Names what `missing_sources` returned."""
    logger.warning(
        "loaded before, but not in this folder: %s; their rows stay; if one was renamed, its rows are there twice:"
        " %s removes the old ones, --forget-missing those of all these files",
        listed([f"{source} ({counted(rows, 'row')})" for source, rows in missing]),
        remedies.current.forget,
    )


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
