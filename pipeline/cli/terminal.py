"""What people read: lines from which no file, row or server can steer the terminal that shows them."""

import os
import re
import sys
from typing import TextIO

import click

from pipeline.interrupted import log_format

# C0 and C1 controls, line and paragraph separators, what turns the direction of writing, and lone surrogates:
# the bytes of a file name that is not UTF-8 (PEP 383). https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    r"""One line of text, with what would steer a terminal or begin another line escaped, as \x1b, \n or \u202e."""
    return UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def printable_lines(text: str) -> str:
    """Text that is meant to have several lines, each of them printable."""
    return "\n".join(map(printable, text.split("\n")))


def echo(*lines: str, err: bool = False) -> None:
    """Prints lines on standard output, or standard error. If the reader is gone, nothing is printed."""
    for line in lines:
        try:
            click.echo(printable(line), err=err)
        except BrokenPipeError:
            _discard(sys.stderr if err else sys.stdout)


def shows_bars() -> bool:
    """Whether standard error is a terminal on which lines can be drawn again, and log lines are text."""
    can_draw = sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")
    return can_draw and log_format() == "text"


def _discard(stream: TextIO) -> None:
    """Sends what is still printed, or flushed at the end of the process, nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
