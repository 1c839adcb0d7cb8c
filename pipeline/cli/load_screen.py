"""The screen of `pipeline run` on a terminal: a bar for each file, below the lines that its processes print.

A printed line would run into the bars. So all processes, this one included, write into a pipe, and its lines are
printed above the bars.
"""

import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection

from pipeline import signals
from pipeline.cli.bars import Bars
from pipeline.cli.output import STDERR, STDOUT, Output
from pipeline.cli.pace import Pace
from pipeline.errors import PipelineError
from pipeline.ledger import ledger
from pipeline.ledger.load import LoadProgress
from pipeline.postgres.database import Database
from pipeline.wording import counted

DRAW_INTERVAL = 0.25  # seconds between looks at the ledger
LARGEST_SHARE = 0.1  # of the time, that the looks may take: one at many thousand files takes a while
END_TIMEOUT = 2.0  # seconds for the last look, and for the last lines


@contextmanager
def load_screen(database: Database) -> Iterator[Output]:
    """Shows the progress of loads during the block, and removes the bars at its end; printed lines stay.

    Yields the output for the processes of the run.
    """
    reader, writer = multiprocessing.Pipe(duplex=False)
    output = Output(writer, (STDERR, STDOUT) if sys.stdout.isatty() else (STDERR,))
    terminals = {descriptor: os.dup(descriptor) for descriptor in output.descriptors}
    with os.fdopen(os.dup(STDERR), "w", encoding=sys.stderr.encoding, errors="replace") as terminal:
        screen = LoadScreen(Bars(terminal), database)
        try:
            for descriptor in output.descriptors:
                os.dup2(writer.fileno(), descriptor)
            screen.start(reader)
            yield output
        finally:
            sys.stdout.flush()
            for descriptor, copy in terminals.items():
                os.dup2(copy, descriptor)
                os.close(copy)
            writer.close()
            screen.stop()


class LoadScreen:
    """Two threads: one prints lines that arrive, one draws bars."""

    def __init__(self, bars: Bars, database: Database) -> None:
        self._bars = bars
        self._database = database
        self._has_ended = threading.Event()
        self._drawing = threading.Thread(target=self._draw, daemon=True)
        self._printing: threading.Thread | None = None
        self._done_before: set[int] | None = None  # loads that were complete at the first look
        self._paces: dict[int, tuple[str, Pace]] = {}  # by load, in the order of their sealing
        self._total = Pace(0)

    def start(self, lines: Connection) -> None:
        """Starts to draw, and to print lines from `lines` until all other ends of it are closed."""
        with signals.held():  # by the threads for good, so that the main thread hears them
            self._bars.start()
            self._printing = threading.Thread(target=self._print, args=(lines,), daemon=True)
            self._printing.start()
            self._drawing.start()

    def stop(self) -> None:
        """Prints the remaining lines, and removes the bars."""
        self._has_ended.set()
        if self._printing is not None:
            self._printing.join(END_TIMEOUT)
            self._drawing.join(END_TIMEOUT)
        self._bars.stop()

    def _print(self, lines: Connection) -> None:
        with os.fdopen(os.dup(lines.fileno()), encoding="utf-8", errors="backslashreplace") as text:
            lines.close()
            for line in text:
                self._bars.print(line.removesuffix("\n"))

    def _draw(self) -> None:
        pause = DRAW_INTERVAL
        while not self._has_ended.wait(pause):
            start = time.monotonic()
            with suppress(PipelineError):  # the stages say so if a server does not serve
                self._read_progress()
            pause = max(DRAW_INTERVAL, (time.monotonic() - start) / LARGEST_SHARE)
        self._database.close()

    def _read_progress(self) -> None:
        with self._database.transaction(snapshot=True) as tx:
            loads = ledger.progress(tx)
        if self._done_before is None:
            self._done_before = {load.load for load in loads if load.complete}
        self._update([load for load in loads if load.load not in self._done_before])
        if self._has_ended.is_set():
            return
        if self._paces:
            self._bars.draw(list(self._paces.values()), (counted(len(self._paces), "file"), self._total))
        else:
            self._bars.say("reading the files")

    def _update(self, loads: list[LoadProgress]) -> None:
        before = self._paces
        self._paces = {}
        for load in sorted(loads, key=lambda load: load.load):
            known = before.get(load.load)
            _, pace = self._paces[load.load] = known or (load.source, Pace(load.row_count, load.committed_rows))
            pace.set(load.committed_rows)
        self._total.set(sum(load.committed_rows for load in loads), sum(load.row_count for load in loads))
