"""Waits for servers and workers. Each wait has a limit and is logged."""

import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import chain, repeat
from types import TracebackType
from typing import TypeVar

from pipeline import credentials, remedies
from pipeline.errors import CannotConnectError, DrainTimeoutError, SettingsError, TransientError
from pipeline.postgres.database import cut_connections
from pipeline.watcher import Watcher

PAUSES = (0.1, 0.3, 1.0, 2.0, 4.0)  # seconds, growing, between attempts; the last one again and again
RETRY_TIMEOUT = 60.0  # seconds for which an operation is retried while a server is away
START_TIMEOUT = 10.0  # seconds for which a stage that starts waits for a server that does not serve, by default
CUT_GRACE = 2.0  # seconds after a deadline for waits that watch the clock; their messages say more
CUT_INTERVAL = 1.0  # seconds
NO_WORKER_WARNING = 3.0  # seconds without a worker until a warning is logged
REPEAT_INTERVAL = 60.0  # seconds between warnings of what lasts

is_start_logged = True  # whether `retry_at_start` logs for what it waits; a stage may leave that to another

T = TypeVar("T")
logger = logging.getLogger(__name__)

_limit = math.inf  # seconds
_start_limit = START_TIMEOUT  # seconds


def limit_waits(seconds: float) -> None:
    """From now on no retried operation of this process takes longer: DRAIN_TIMEOUT."""
    global _limit
    _limit = seconds


def longest_wait() -> float:
    """Seconds: the limit of this process, infinity without one."""
    return _limit


def limit_start(seconds: float) -> None:
    """From now on `retry_at_start` waits so long: START_TIMEOUT."""
    global _start_limit
    _start_limit = seconds


def start_limit() -> float:
    """Seconds that `retry_at_start` waits."""
    return _start_limit


class Deadline:
    """The end of a wait, as a context manager around it.

    After it, calls that PostgreSQL has not answered are cut off: a frozen server does not end them. A TransientError
    that leaves the block after the deadline becomes a DrainTimeoutError.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds; 0 when the deadline has passed."""
        return max(0.0, self._end - time.monotonic())

    def __enter__(self) -> "Deadline":
        _watcher.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _watcher.remove(self)
        if isinstance(error, TransientError) and not self.left:
            raise DrainTimeoutError(
                f"DRAIN_TIMEOUT: not done after {self.seconds:g} s: {error}; run it again when the server answers"
            ) from error

    def cut_if_over(self) -> None:
        if time.monotonic() >= self._end + CUT_GRACE:
            with suppress(Exception):  # sets that another thread changes meanwhile
                cut_connections()


_watcher = Watcher(Deadline.cut_if_over, CUT_INTERVAL)


def retry_transient(
    attempt: Callable[[], T],
    *,
    seconds: float = RETRY_TIMEOUT,
    sleep: Callable[[float], None] | None = None,
    deadline: Deadline | None = None,
    level: int = logging.WARNING,
) -> T:
    """What `attempt` returns, retried after growing pauses when it raises TransientError, which is logged at `level`.

    Raises the last TransientError when so many seconds have passed, attempts included, or DrainTimeoutError at
    the limit of this process. With a deadline that is the limit, and raising the error is up to its block.
    """
    if deadline is None:
        with Deadline(_limit) as own:
            return retry_transient(attempt, seconds=seconds, sleep=sleep, deadline=own, level=level)
    start, is_logged = time.monotonic(), False
    for pause in chain(PAUSES, repeat(PAUSES[-1])):
        try:
            result = attempt()
        except TransientError as error:
            passed = time.monotonic() - start
            if not deadline.left:
                raise
            if passed >= seconds:
                raise TransientError(f"{error}; retried for {passed:.0f} s") from error
            logger.log(level, "%s; trying again in %.1f s", error, pause)
            is_logged = True
        else:
            if is_logged:
                passed = time.monotonic() - start
                logger.log(min(level, logging.INFO), "succeeded after %.1f s of retries", passed)
            return result
        (sleep or time.sleep)(min(pause, deadline.left))
    raise AssertionError("the pauses have no end")


def naming(attempt: Callable[[], T], setting: str) -> T:
    """What `attempt` returns; raises SettingsError, naming the setting, if a server cannot be used for good."""
    try:
        return attempt()
    except CannotConnectError as error:
        if error.is_permanent:
            raise SettingsError(f"{setting}: {error}; {credentials.remedy(setting)}") from error
        raise


def retry_at_start(attempt: Callable[[], T], setting: str) -> T:
    """What `attempt` returns, retried for START_TIMEOUT: the server may be starting. Each reason is logged once.

    Raises SettingsError, naming the setting, if waiting cannot help; DrainTimeoutError if the server does not serve in
    time.
    """
    said: set[str] = set()

    def checked() -> T:
        try:
            return naming(attempt, setting)
        except TransientError as error:
            if str(error) not in said and _start_limit and is_start_logged:
                said.add(str(error))
                logger.info("waiting for a server that may be starting: %s", error)
            raise

    try:
        return retry_transient(checked, seconds=_start_limit, level=logging.DEBUG)
    except TransientError as error:
        cause = error.__cause__
        if isinstance(cause, CannotConnectError) and not cause.is_answered:
            raise DrainTimeoutError(f"{setting}: {error}; start the server or correct the setting") from error
        raise DrainTimeoutError(f"{error}; run it again when the server serves") from error


class Stopwatch:
    """How long a condition has held without a break, since the first check."""

    def __init__(self) -> None:
        self._since: float | None = None

    def seconds(self, is_so: bool) -> float:
        now = time.monotonic()
        self._since = (self._since or now) if is_so else None
        return now - (self._since or now)


class Outage:
    """A server that is away, from `begin` to `end`, which logs that it is back."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._since: float | None = None

    def begin(self) -> None:
        """Harmless while it lasts."""
        self._since = self._since or time.monotonic()

    def end(self) -> None:
        """Harmless if it never began."""
        if self._since is not None:
            logger.info("%s serves again after %.0f s", self._server, time.monotonic() - self._since)
        self._since = None


class Throttle:
    """Limits a repeated log line to one a minute."""

    def __init__(self) -> None:
        self._said = -math.inf

    def is_due(self) -> bool:
        now = time.monotonic()
        if now - self._said < REPEAT_INTERVAL:
            return False
        self._said = now
        return True


def no_worker(shortage: str | None) -> str:
    """The message that no worker is known, with the remedy. `shortage` says what keeps workers from registering."""
    if shortage:
        return f"no worker can register: {shortage}"
    return f"no worker is running; {remedies.current.start_worker}"


class WorkerWatcher:
    """Logs a warning when no worker has been running for a few seconds, and again each minute."""

    def __init__(self, shortage: Callable[[], str | None]) -> None:
        """`shortage` returns what keeps workers that run from registering, if anything."""
        self._shortage = shortage
        self._without = Stopwatch()
        self._warnings = Throttle()

    def check(self, workers: int) -> None:
        seconds = self._without.seconds(not workers)
        if seconds >= NO_WORKER_WARNING and self._warnings.is_due():
            logger.warning("waiting for %.0f s: %s", seconds, no_worker(self._shortage()))
