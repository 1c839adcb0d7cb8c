"""Progress of rows towards a known end: a bar on a terminal, a few log lines elsewhere."""

import logging
import time
from types import TracebackType
from typing import TYPE_CHECKING

from pipeline.cli.pace import Pace
from pipeline.cli.terminal import shows_bars
from pipeline.wording import counted, duration, speed

if TYPE_CHECKING:
    from pipeline.cli.bars import Bars

FIRST_LOG = 5.0  # seconds until the first log line; the next ones come after 10, 20, 40 seconds and so on
DRAW_INTERVAL = 0.1  # seconds

is_shown_by_run = False  # whether `pipeline run` shows the progress of this process; it sets this itself

logger = logging.getLogger(__name__)


class Progress:
    """A context manager; `advance` it by rows, or `set` it to the rows done."""

    def __init__(self, verb: str, rows: int, done: int = 0) -> None:
        """`done` of the `rows` were before, and count neither for the rate nor for the time that is left."""
        self._verb = verb
        self._pace = Pace(rows, done)
        self._start = self._drawn = time.monotonic()
        self._next_log = FIRST_LOG
        self._bars = _bars() if shows_bars() and done < rows else None

    def advance(self, rows: int) -> None:
        self.set(self._pace.done + rows)

    def set(self, done: int, rows: int | None = None) -> None:
        """`rows` is the new end, if that has changed, as when a new version of a file was sealed meanwhile."""
        self._pace.set(done, rows)
        now = time.monotonic()
        if self._bars is not None:
            if now - self._drawn >= DRAW_INTERVAL or done == self._pace.rows:
                self._drawn = now
                self._bars.draw([(self._verb, self._pace)], (self._verb, self._pace))
        elif now - self._start >= self._next_log and not is_shown_by_run and self._pace.rows_per_second:
            self._next_log = 2 * max(self._next_log, now - self._start)
            self._log(self._pace.rows_per_second)

    def __enter__(self) -> "Progress":
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def _log(self, rate: float) -> None:
        logger.info(
            "%s: %s of %s, %s, %s left",
            self._verb,
            f"{self._pace.done:,}",
            counted(self._pace.rows, "row"),
            speed(rate),
            duration(self._pace.seconds_left or 0.0),
            extra={"rows_done": self._pace.done, "rows": self._pace.rows, "rows_per_second": rate},
        )


def _bars() -> "Bars":
    from pipeline.cli.bars import Bars  # reads rich, which takes a tenth of a second

    return Bars()
