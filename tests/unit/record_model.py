"""How lines fall into rows, character by character and without the csv module: the reader must agree."""

import re
from collections.abc import Sequence
from typing import NamedTuple

LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


class ModelDialect(NamedTuple):
    delimiter: str
    quote: str | None = '"'
    escape: str | None = None
    doubles: bool = True  # two quotes in a quoted field are one
    skips_spaces: bool = False
    comment: str | None = None


class ModelRow(NamedTuple):
    line: int
    raw: str
    fields: tuple[str, ...] | None  # None: the row is malformed, or has not as many as the header


class RefusedError(Exception):
    """The file cannot be read from this line on."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def model_rows(text: str, dialect: ModelDialect, width: int, longest: int, first_line: int = 2) -> list[ModelRow]:
    """The rows, of `width` fields each; raises RefusedError."""
    lines = LINE.findall(text)
    rows = []
    start = 0
    while start < len(lines):
        if dialect.comment and lines[start][0] == dialect.comment and len(lines[start]) <= longest:
            start += 1
            continue
        extent = _extent(lines[start:], dialect, width, longest)
        if extent is None:
            raise RefusedError(first_line + start)
        line_count, fields = extent
        raw = "".join(lines[start : start + line_count])
        meant = {dialect.delimiter, dialect.quote, dialect.escape}
        if any(character not in " \t\r\n\v\f" or character in meant for character in raw):
            rows.append(ModelRow(first_line + start, raw, fields))
        start += line_count
    return rows


def _extent(
    lines: Sequence[str], dialect: ModelDialect, width: int, longest: int
) -> tuple[int, tuple[str, ...] | None] | None:
    """How many of the lines are the first record, and its fields if it is well formed; None if a quote never closes."""
    fields = _Fields(dialect)
    size = 0
    for line_count, line in enumerate(lines, 1):
        size += len(line)
        if size > longest:
            return None
        if not all(map(fields.take, line)) or (fields.is_escaped and not fields.is_quoted):
            return 1, None
        if not fields.is_quoted:
            well_formed = len(fields.found) == width
            return (line_count, tuple(fields.found)) if well_formed else (1, None)
    return None


class _Fields:
    """The fields of a record, from its characters one by one."""

    def __init__(self, dialect: ModelDialect) -> None:
        self.found = [""]
        self.state = "start"
        self.is_escaped = False
        self._dialect = dialect

    @property
    def is_quoted(self) -> bool:
        return self.state == "quoted"

    def take(self, character: str) -> bool:
        """Whether the record may still be well formed."""
        dialect = self._dialect
        if self.is_escaped:
            self.is_escaped = False
            return self._add(character) and (self.is_quoted or character not in "\r\n")
        if self.is_quoted:
            if character == dialect.escape:
                self.is_escaped = True
            elif character == dialect.quote:
                self.state = "after a quote"
            else:
                self._add(character)
            return True
        if character in "\r\n":
            return True
        return self._after_quote(character) if self.state == "after a quote" else self._unquoted(character)

    def _after_quote(self, character: str) -> bool:
        if character == self._dialect.delimiter:
            return self._next_field()
        self.state = "quoted"
        return self._dialect.doubles and character == self._dialect.quote and self._add(character)

    def _unquoted(self, character: str) -> bool:
        dialect = self._dialect
        is_start = self.state == "start"
        if is_start and character == dialect.quote:
            self.state = "quoted"
        elif character == dialect.escape:
            self.is_escaped = True
            self.state = "unquoted"
        elif is_start and dialect.skips_spaces and character == " ":
            pass
        elif character == dialect.delimiter:
            self._next_field()
        else:
            self.state = "unquoted"
            self._add(character)
        return True

    def _next_field(self) -> bool:
        self.found.append("")
        self.state = "start"
        return True

    def _add(self, character: str) -> bool:
        self.found[-1] += character
        return True
