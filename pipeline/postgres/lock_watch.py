"""Who holds the lock that a session waits for, looked up while it waits: afterwards PostgreSQL no longer tells."""

import logging
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from pipeline.errors import PipelineError, TransientError
from pipeline.watcher import Watcher

LOOK_INTERVAL = 4.0  # seconds between looks; several within the lock_timeout of session.sql

logger = logging.getLogger(__name__)


class LockWatcher:
    """Looks over another connection, every few seconds of the block, which sessions hold up this one.

    It logs once that PostgreSQL does not answer, and then when the block ends. Its text is the last that was seen, with
    the remedy, as the end of an error message; empty without any.
    """

    def __init__(self, holders: Callable[[], list[tuple[Any, ...]]]) -> None:
        """`holders` returns the rows of lock_holders.sql, and may raise PipelineError."""
        self._holders = holders
        self._since = time.monotonic()
        self._seen: list[tuple[Any, ...]] = []
        self._is_logged = self._has_ended = False

    def __enter__(self) -> "LockWatcher":
        _watcher.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _watcher.remove(self)
        self._has_ended = True
        if self._is_logged:
            logger.info("the transaction has ended after %.0f s", time.monotonic() - self._since)

    def __str__(self) -> str:
        if not self._seen:
            return ""
        holders = ", ".join(_describe_session(*session) for _, *session in self._seen)
        pids = [pid for _, pid, *_ in self._seen if pid]
        remedy = f"; end it, such as with SELECT pg_terminate_backend({pids[0]})" if pids else ""
        return f": waiting for {self._seen[0][0]}, locked by {holders}{remedy}"

    def look(self) -> None:
        if time.monotonic() - self._since < LOOK_INTERVAL:
            return
        try:
            self._seen = self._holders() or self._seen
        except TransientError as error:
            self._log_silence(error)
        except PipelineError:
            pass  # the error of the statement itself says more

    def _log_silence(self, error: TransientError) -> None:
        if not self._is_logged and not self._has_ended:
            self._is_logged = True
            seconds = time.monotonic() - self._since
            logger.warning("a transaction has taken %.0f s so far, and PostgreSQL does not say why: %s", seconds, error)


_watcher = Watcher(LockWatcher.look, LOOK_INTERVAL)


def _describe_session(pid: int, application: str | None, user: str | None) -> str:
    if not pid:
        return "a prepared transaction (see pg_prepared_xacts)"
    return f"session {pid} (application '{application or ''}', user '{user or ''}')"
