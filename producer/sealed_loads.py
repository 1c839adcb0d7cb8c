"""Loads that are being queued, whose sources may be forgotten meanwhile."""

import time

from pipeline.forgetting import check_not_forgotten
from pipeline.postgres.database import Database
from pipeline.waiting import retry_transient

FORGOTTEN_POLL = 1.0  # seconds between looks whether a source was forgotten


class SealedLoads:
    """Looks now and then whether they are still in the ledger."""

    def __init__(self, database: Database, loads: dict[int, str]) -> None:
        """`loads` holds the source of each load."""
        self._database = database
        self._loads = loads
        self._checked = time.monotonic()

    def check_now_and_then(self) -> None:
        if time.monotonic() - self._checked >= FORGOTTEN_POLL:
            self.check()
            self._checked = time.monotonic()

    def check(self) -> None:
        """Raises ForgottenError if one of them was forgotten."""

        def attempt() -> None:
            with self._database.transaction() as tx:
                check_not_forgotten(tx, self._loads)

        retry_transient(attempt)
