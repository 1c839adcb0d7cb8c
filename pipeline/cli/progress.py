"""Progress of rows towards a known end: a bar on a terminal, a log line every few seconds elsewhere."""

import logging
import sys
import time
from types import TracebackType
from typing import Any

from tqdm import tqdm

LOG_INTERVAL = 5.0  # seconds between log lines

logger = logging.getLogger(__name__)


class Progress:
    """A context manager; `advance` it by rows, or `set` it to the rows done."""

    def __init__(self, verb: str, rows: int, done: int = 0) -> None:
        """`done` of the `rows` were before, and count neither for the rate nor for the time that is left."""
        self._verb = verb
        self._rows = rows
        self._done = self._done_before = done
        self._start = self._logged = time.monotonic()
        self._bar: tqdm[Any] | None = None
        if sys.stderr.isatty() and done < rows:
            self._bar = tqdm(total=rows, initial=done, desc=verb, unit=" rows", unit_scale=True, file=sys.stderr)

    def advance(self, rows: int) -> None:
        self.set(self._done + rows)

    def set(self, done: int, rows: int | None = None) -> None:
        """`rows` is the new end, if that has changed, as when a new version of a file was sealed meanwhile."""
        self._rows = rows or self._rows
        if done < self._done:  # rows are to be done again: the rate begins anew
            self._done_before, self._start = done, time.monotonic()
        if self._bar is not None:
            self._bar.total = self._rows
            self._bar.update(done - self._done)
        self._done = done
        if self._bar is None and time.monotonic() - self._logged >= LOG_INTERVAL:
            self._logged = time.monotonic()
            self._log()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def _log(self) -> None:
        seconds = self._logged - self._start
        rate = (self._done - self._done_before) / seconds if seconds else 0.0
        left = f"{(self._rows - self._done) / rate:.0f} s left" if rate else "time left unknown"
        logger.info("%s: %d of %d rows, %.0f rows/s, %s", self._verb, self._done, self._rows, rate, left)
