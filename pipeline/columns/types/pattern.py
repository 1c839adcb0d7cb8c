"""Patterns of a description: untrusted regular expressions, matched in time linear in the text."""

import re
from collections.abc import Sequence

import re2

from pipeline.csv_text.records import LONGEST_RECORD

LONGEST_PATTERN = 1_000  # characters
LARGEST_PROGRAM = 5_000  # instructions that RE2 makes of it
MOST_STEPS = 100_000_000  # instructions times characters of a text: two seconds at worst

# A pattern of literals and simple classes, with few repeats: Python's re matches it in bounded time, as RE2 does, and a
# whole block at once, since it never matches a line end.
_ATOM = r"(?:[A-Za-z0-9 _:;,@#%&=~!<>/'\".-]|\\[d.,:;/+*?()\[\]{}|^$-]|\[(?:[A-Za-z0-9 _.,:;@/+*-]|\\[d.])+\])"
_REPEAT = r"(?:\{[0-9]{1,3}(?:,[0-9]{1,3})?\}|[?+*])"
SIMPLE = re.compile(rf"\^?((?:{_ATOM}{_REPEAT}?)*)\$?")
# One that no delimiter, quote or space matches, so that all its texts can stand in a CSV file as they are.
_VERBATIM_CLASS = r"\[(?:[A-Z]-[A-Z]|[a-z]-[a-z]|[0-9]-[0-9]|[A-Za-z0-9_](?!-))+\]"
VERBATIM = re.compile(rf"(?:(?:[A-Za-z0-9_-]|\\[d.]|{_VERBATIM_CLASS}){_REPEAT}?)+")
VARIABLE_REPEAT = re.compile(r"(?<!\\)(?:[?+*]|\{[0-9]+,[0-9]+\})")
MOST_REPEATS = 3
LONGEST_SIMPLE_TEXT = 50  # characters


class Pattern:
    """A regular expression for whole texts, in the syntax of RE2: https://github.com/google/re2/wiki/Syntax."""

    def __init__(self, pattern: str) -> None:
        """Raises ValueError if the pattern is not one, is too large, or needs to look around or back."""
        if len(pattern) > LONGEST_PATTERN:
            raise ValueError(f"pattern is longer than {LONGEST_PATTERN} characters")
        options = re2.Options()
        options.log_errors = False
        try:
            self._pattern = re2.compile(pattern, options)
        except re2.error as error:
            reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error
            raise ValueError(f"pattern {pattern!r} is not supported: {reason}") from None
        if self._pattern.programsize > LARGEST_PROGRAM:
            raise ValueError(f"pattern {pattern!r} repeats too much")
        self._longest_text = MOST_STEPS // self._pattern.programsize
        self._quick = _quick(pattern)
        self._text = pattern

    @property
    def verbatim(self) -> str | None:
        """The same pattern without anchors, as ColumnType.verbatim has it; None if it is too large or not simple."""
        plain = self._text.removeprefix("^").removesuffix("$")
        is_small = self._quick and self._longest_text >= LONGEST_RECORD
        return plain if is_small and VERBATIM.fullmatch(plain) and not self.matches("") else None

    def matches(self, text: str) -> bool:
        """Whether the whole text matches; a text that is too long for the pattern does not."""
        return len(text) <= self._longest_text and self._pattern.fullmatch(text) is not None

    def matches_all(self, texts: Sequence[str]) -> bool:
        """Whether all texts match; if not, some of them may still."""
        if self._quick and max(map(len, texts)) <= LONGEST_SIMPLE_TEXT:
            joined = "\n".join(texts)
            if joined.count("\n") == len(texts) - 1:
                return self._quick.fullmatch(joined) is not None
        return all(map(self.matches, texts))


def _quick(pattern: str) -> re.Pattern[str] | None:
    simple = SIMPLE.fullmatch(pattern)
    if not simple or len(VARIABLE_REPEAT.findall(simple[1])) > MOST_REPEATS:
        return None
    try:
        return re.compile(rf"{simple[1]}(?:\n{simple[1]})*+", re.ASCII)
    except re.error:
        return None
