"""Sealing: every version becomes the current load of its source, with the description that its rows are read by."""

import logging
from dataclasses import replace

from pipeline.datasets.loaders import DatasetLoaders
from pipeline.descriptions.description import is_settled, others_referred_to
from pipeline.descriptions.descriptor import rules_of_rows
from pipeline.ledger import kept_aside, ledger
from pipeline.ledger.sealing import Load, Version, seal
from pipeline.postgres.database import Database
from pipeline.postgres.transaction import Transaction
from pipeline.waiting import retry_transient
from pipeline.wording import counted
from producer.files.content import OpenedFiles
from producer.files.encodings import Encodings
from producer.first_pass import first_pass
from producer.scanned import Scanned

SEALED_AT_ONCE = 100  # loads in one transaction, which keeps workers off their sources

logger = logging.getLogger(__name__)


def seal_all(
    versions: list[Scanned], contents: OpenedFiles, database: Database, encodings: Encodings, chunk_rows: int | None
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
            name=version.name,
            dataset=version.dataset.name,
            description_sha256=version.description_sha256,
            refers_to=tuple(others_referred_to(version.dataset)),
            carries_over=not (version.dataset.primary_key or is_settled(version.dataset)),
            is_settled=is_settled(version.dataset),
            sha256=version.sha256,
            encoding=version.read_as,
            given_encoding=encodings.given(version.name),
            read_from=version.source.local_path,
            plan=version.plan,
        )
        for version in versions
    ]
    descriptions = {rules_of_rows(version.dataset) for version in versions}

    def attempt() -> dict[str, Load]:
        with database.transaction() as tx:
            for description in sorted(descriptions):
                ledger.enter_description(tx, description)
            gone = _with_removable_rows(tx, versions)
            loads = seal(tx, [replace(each, has_removable_rows=each.name in gone) for each in to_seal])
            for dataset, description_sha256 in sorted({(each.dataset, each.description_sha256) for each in to_seal}):
                kept_aside.reopen_kept_aside(tx, dataset, description_sha256)
            return loads

    return retry_transient(attempt)


def _with_removable_rows(tx: Transaction, versions: list[Scanned]) -> set[str]:
    """The sources whose current loads kept rows for others, and nothing refers to some of them any more."""
    keep = ledger.loads_that_keep_rows(tx)
    loaders = DatasetLoaders()
    return {
        version.name
        for version in versions
        if version.name in keep
        and loaders.of(tx, version.description_sha256).has_removable_rows(tx, *keep[version.name])
    }
