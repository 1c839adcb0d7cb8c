"""Progress bars on a terminal: a line for each file, redrawn below the printed lines."""

import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import TextIO

from rich.console import Console, ConsoleDimensions, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pipeline.cli.pace import Pace
from pipeline.cli.terminal import printable
from pipeline.wording import duration, speed

WIDEST = 120  # columns
CTRL_C = 6  # columns at the end of lines that stay free for ^C, several of them: a new line would shift the bars
ROOM_FOR_SPEED = 45  # columns from which on speed and time left are shown
ROOM_FOR_NAMES = 70  # columns from which on names may be longer
ROOM_FOR_COUNTS = 90  # columns from which on rows are shown, and not their share
LONGEST_LEFT = 360_000  # seconds; what takes longer has hardly begun
LINES_KEPT_FREE = 2  # of the terminal's height, for the lines above

NamedPace = tuple[str, Pace]


class Bars:
    """Lines at the lower end of what a terminal shows, until `stop` removes them.

    Several threads may draw and print. If the terminal is gone, nothing is shown: the work goes on.
    """

    def __init__(self, terminal: TextIO | None = None) -> None:
        """`terminal` is standard error by default."""
        self._terminal = terminal or sys.stderr
        self._console = Console(file=self._terminal, highlight=False)
        self._live = Live(
            console=self._console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        # Rich decides under a lock of its own how many lines to remove, and writes after it has let go of it.
        self._writing = threading.Lock()

    def start(self) -> None:
        with self._writing, suppress(OSError):
            self._live.start()

    def stop(self) -> None:
        """Removes the lines. Harmless if they are not there."""
        with self._writing, suppress(OSError):
            self._live.stop()

    def draw(self, files: Sequence[NamedPace], total: NamedPace) -> None:
        """Draws a line for each file. If they do not fit, draws files that are being loaded, and the total."""
        self._measure()
        room = max(self._console.height - LINES_KEPT_FREE, 1)
        if len(files) > room:
            under_way = [(name, pace) for name, pace in files if pace.done < pace.rows]
            files = [*under_way[: room - 1], total]
        self._show(_table(files, min(self._console.width - CTRL_C, WIDEST)))

    def say(self, text: str) -> None:
        """Draws a text in place of the bars."""
        self._measure()
        self._show(Text(text, style="dim", overflow="ellipsis", no_wrap=True))

    def print(self, line: str) -> None:
        """Prints a line above the bars. The line stays."""
        with self._writing, suppress(OSError):
            self._console.print(Text(printable(line)), soft_wrap=True)

    def _show(self, lines: RenderableType) -> None:
        with self._writing, suppress(OSError):
            self._live.update(lines, refresh=True)

    def _measure(self) -> None:
        """Rich looks at the standard streams, which need not be this terminal."""
        try:
            columns, lines = os.get_terminal_size(self._terminal.fileno())
        except OSError:  # as in tests
            return
        if columns and lines:
            self._console.size = ConsoleDimensions(columns, lines)


def _bar(pace: Pace) -> ProgressBar:
    total, done = (pace.rows, pace.done) if pace.rows else (1, 1)
    return ProgressBar(total=total, completed=done, complete_style="cyan", finished_style="green")


def _table(files: Sequence[NamedPace], width: int) -> Table:
    """Name, bar, rows or their share, speed, time left; no wider than `width`."""
    table = Table.grid(padding=(0, 1), expand=True)
    table.width = width
    table.add_column(no_wrap=True, overflow="ellipsis", max_width=width // (4 if width >= ROOM_FOR_NAMES else 5))
    table.add_column(ratio=1, min_width=5)
    has_speed = width >= ROOM_FOR_SPEED
    for _ in range(3 if has_speed else 1):
        table.add_column(no_wrap=True, justify="right")
    for name, pace in files:
        share = f"{100 * pace.done // max(pace.rows, 1)} %"
        is_done = pace.done >= pace.rows
        rate, left = (None, None) if is_done else (pace.rows_per_second, pace.seconds_left)
        texts = ("", "")
        if rate and left and left < LONGEST_LEFT:
            texts = (speed(rate), f"{duration(left)} left")
        table.add_row(
            Text(printable(name)),
            _bar(pace),
            f"{pace.done:,} of {pace.rows:,}" if width >= ROOM_FOR_COUNTS else share,
            *(texts if has_speed else ()),
        )
    return table
