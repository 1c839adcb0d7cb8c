"""How far work on rows is, and how fast it goes."""

import time


class Pace:
    """Rows done of all, with speed and time left."""

    def __init__(self, rows: int, done: int = 0) -> None:
        """`done` of the `rows` were before, and count neither for the speed nor for the time that is left."""
        self.rows = rows
        self.done = self._done_before = done
        self._start = time.monotonic()

    def set(self, done: int, rows: int | None = None) -> None:
        """`rows` is the new end, if that has changed, as when a new version of a file was sealed meanwhile."""
        self.rows = rows or self.rows
        if done < self.done or done == self._done_before:  # rows are to be done again, or the first is waited for
            self._done_before, self._start = done, time.monotonic()
        self.done = done

    @property
    def rows_per_second(self) -> float | None:
        """None while no row is done."""
        seconds = time.monotonic() - self._start
        return (self.done - self._done_before) / seconds if seconds and self.done > self._done_before else None

    @property
    def seconds_left(self) -> float | None:
        rate = self.rows_per_second
        return (self.rows - self.done) / rate if rate else None
