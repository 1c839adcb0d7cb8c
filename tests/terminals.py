"""Commands on a terminal of a certain size, and what its screen shows."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pyte

from tests.forked import start_forked

CTRL_C = b"\x03"
TIMEOUT = 60.0  # seconds that a command has to end


@dataclass
class Shown:
    """What a command showed: all that it wrote, and the screen after each piece of it."""

    exit_code: int = 0
    written: str = ""
    screens: list[list[str]] = field(default_factory=list)  # lines without white space at their ends
    scrolled_off: list[str] = field(default_factory=list)
    has_cursor: bool = True

    @property
    def lines(self) -> list[str]:
        """Of the last screen, without blank ones."""
        return [line for line in self.screens[-1] if line]


def on_a_terminal(
    command: list[str],
    environment: dict[str, str],
    look: Callable[[list[str]], bytes | None] = lambda _: None,
    *,
    columns: int = 100,
    lines: int = 40,
    stdout: int | None = None,
) -> Shown:
    """Runs a command to its end. `look` gets the lines of each screen; what it returns is typed.

    `stdout` is where standard output goes if not to the terminal.
    """
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", lines, columns, 0, 0))
    process = start_forked(
        command,
        {"TERM": "xterm", **environment},
        stdin=slave,
        stdout=slave if stdout is None else stdout,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(2, termios.TIOCSCTTY, 0),
    )
    os.close(slave)
    shown = Shown()
    displayed = [""] * lines
    screen = pyte.HistoryScreen(columns, lines, history=10_000, ratio=0.1)
    stream = pyte.ByteStream(screen)
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end and select.select([master], [], [], TIMEOUT)[0]:
        try:
            piece = os.read(master, 65536)
        except OSError:  # the terminal is closed with the last process on it
            break
        stream.feed(piece)
        shown.written += piece.decode(errors="replace")
        for line in screen.dirty:
            displayed[line] = text_of(screen.buffer[line], columns).rstrip()
        screen.dirty.clear()
        shown.screens.append(displayed.copy())
        if typed := look(shown.screens[-1]):
            os.write(master, typed)
    try:
        shown.exit_code = process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    os.close(master)
    shown.scrolled_off = [text_of(line, columns) for line in screen.history.top]
    shown.has_cursor = not screen.cursor.hidden
    return shown


def text_of(line: Mapping[int, pyte.screens.Char], columns: int) -> str:
    return "".join(line[column].data for column in range(columns))
