"""Which versions of files on servers are loaded, so that they are not read again."""

from collections.abc import Iterable, Mapping

from pipeline.ledger import ledger
from pipeline.ledger.sealing import Load
from pipeline.postgres.database import Database
from pipeline.waiting import retry_transient


def record_remote_versions(versions: Mapping[str, str], loads: Iterable[tuple[str, Load]], database: Database) -> None:
    """Records of each sealed load the version by the name of its source, if there is one."""
    by_load = {load.id: versions[name] for name, load in loads if name in versions}

    def attempt() -> None:
        with database.transaction() as tx:
            ledger.record_remote_versions(tx, by_load)

    if by_load:
        retry_transient(attempt)
