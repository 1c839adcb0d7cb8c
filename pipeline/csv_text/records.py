"""How the bytes of a CSV file fall into records: one function for the first pass and for the worker, so both agree.

A record is a row, a blank line or a comment. Lines end with LF, CRLF or CR. A quote opens a field only at its
beginning, as the csv module has it; a field that it opens may hold delimiters and line ends. A record of several lines
must be well formed: no text after a closing quote, no line end escaped outside of quotes, and as many fields as the
header. If it is not, its first line alone is a record, and the next line begins another one.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import IO, NamedTuple

from pipeline.csv_text.dialect import Dialect

LONGEST_RECORD = 1 << 20  # bytes
BLOCK = 1 << 18  # bytes read at a time
UNCLOSED = "a quote opens here and does not close"
BLANK = " \t\r\n\v\f"  # a line of these alone is blank, unless the dialect gives one a meaning; as bytes.isspace

csv.field_size_limit(LONGEST_RECORD)

Record = tuple[bytes, int]  # with its line end; physical lines, more than one if a quoted field holds line ends
NumberedLines = Iterator[tuple[int, bytes]]
# None: text after a closing quote, or the line end is escaped; whether a quote is open at the end
LineFields = tuple[list[str] | None, bool]
LineReader = Callable[[str], LineFields]


class BrokenRecordError(Exception):
    """A record from which on the file cannot be read; `line` is where it begins, relative to the first one read."""

    def __init__(self, line: int, fault: str) -> None:
        super().__init__(f"line {line}: {fault}")
        self.line = line
        self.fault = fault


def records(
    lines: Iterable[bytes], dialect: Dialect, width: int | None, first_line: int = 1, *, are_planned: bool = False
) -> Iterator[Record]:
    """The records of physical lines, never more than LONGEST_RECORD bytes read ahead.

    `width` is the number of fields of a row; None reads the header itself, which must be well formed.
    `are_planned`: the lines are records that the first pass over the file has found. It has read on where a quote
    is open after the last of them, so that quote stands in a malformed record.
    Raises BrokenRecordError at a record longer than LONGEST_RECORD, and at a quote that never closes.
    """
    reader = _Reader(dialect)
    quote, line_fields = reader.quote, reader.line_fields
    numbered = enumerate(lines, first_line)
    for number, line in numbered:
        if len(line) > LONGEST_RECORD:
            raise BrokenRecordError(number, f"the row is longer than {LONGEST_RECORD} bytes")
        if (
            quote in line
            and not reader.is_closed(line)
            and line_fields(_characters(line))[1]
            and not reader.is_comment(line)
        ):
            yield from _records_read_ahead(number, line, numbered, reader, width, are_planned=are_planned)
        else:
            yield line, 1


def row_test(dialect: Dialect) -> Callable[[str], bool]:
    """Tells rows from the other records: blank lines and comments."""
    meaningful = (dialect.delimiter, dialect.quote_char, dialect.escape_char)
    blank = "".join(character for character in BLANK if character not in meaningful)
    comment = dialect.comment_char
    if comment is None:
        return lambda record: bool(record.strip(blank))
    return lambda record: bool(record.strip(blank)) and not record.startswith(comment)


def row_lines_test(dialect: Dialect) -> Callable[[Sequence[bytes], bytes], bool]:
    """Tells of some lines, the first of a record, and the bytes of all, whether each is a row; says no if unsure."""
    if dialect.comment_char is not None:
        return lambda lines, content: False  # noqa: ARG005
    quote, are_closed = (dialect.quote_char or "").encode(), closed_lines(dialect).fullmatch

    def are_rows(lines: Sequence[bytes], content: bytes) -> bool:
        return (
            max(map(len, lines)) <= LONGEST_RECORD
            and not any(map(bytes.isspace, lines))
            and (not quote or quote not in content or are_closed(content) is not None)
        )

    return are_rows


def physical_lines(file: IO[bytes]) -> Iterator[bytes]:
    """Lines from where the file stands, with their line ends, a block of them in memory.

    A line longer than LONGEST_RECORD comes in part, and is the last.
    """
    return chain.from_iterable(line_blocks(file))


def line_blocks(file: IO[bytes]) -> Iterator[list[bytes]]:
    """The lines of `physical_lines`, as many as are read at a time."""
    rest = b""
    while block := file.read(BLOCK):
        lines = (rest + block).splitlines(keepends=True)
        rest = b"" if lines[-1].endswith(b"\n") else lines.pop()  # perhaps CR of CRLF, perhaps half a line
        yield lines
        if len(rest) > LONGEST_RECORD:
            break
    if rest:
        yield [rest]


def line_reader(dialect: Dialect) -> LineReader:
    """Reads lines one by one, each as if it began a record and a quote still open at its end closed there."""
    line_fields = _csv_line_reader(dialect)
    if not dialect.double_quote:
        line_fields = _without_doubled_quotes(line_fields, _csv_line_reader(replace(dialect, double_quote=True)))
    if dialect.escape_char is not None:
        line_fields = _without_escaped_line_ends(line_fields, dialect.escape_char)
    return line_fields


def escapes_line_end(line: str, escape_char: str) -> bool:
    """Whether an escape character stands before the line end, or the end of the file, and is not escaped itself."""
    text = line.rstrip("\r\n")
    return (len(text) - len(text.rstrip(escape_char))) % 2 == 1


def _csv_line_reader(dialect: Dialect) -> LineReader:
    pending: list[str] = []
    reader = csv.reader(iter(pending.pop, None), strict=True, **dialect.csv_parameters)
    quote = dialect.quote_char or ""

    def line_fields(line: str) -> LineFields:
        pending[:] = [quote, line]  # the quote is read only if one is open at the end of the line, and closes it
        try:
            fields = next(reader)
        except csv.Error:
            return None, False
        return fields, not pending

    return line_fields


def _without_doubled_quotes(line_fields: LineReader, doubled_line_fields: LineReader) -> LineReader:
    """Refuses text after a closing quote, a second quote too.

    Without double_quote the csv module lets such text pass. With it, the module refuses any but a second quote, and
    a second quote makes the two results differ.
    """

    def checked(line: str) -> LineFields:
        found = line_fields(line)
        return found if found == doubled_line_fields(line) else (None, False)

    return checked


def _without_escaped_line_ends(line_fields: LineReader, escape_char: str) -> LineReader:
    """Outside of quotes the csv module joins the next line after an escaped LF, and does not after an escaped CRLF."""

    def checked(line: str) -> LineFields:
        if escapes_line_end(line, escape_char) and not line_fields(line.rstrip("\r\n")[:-1])[1]:
            return None, False
        return line_fields(line)

    return checked


def closed_lines(dialect: Dialect) -> re.Pattern[bytes]:
    """Matches lines in which each quote opens a field at its beginning, closes one on the same line, or is doubled."""
    if dialect.quote_char is None or dialect.escape_char is not None:
        return re.compile(b"(?!)")
    quote, delimiter = (re.escape(str(sign).encode()) for sign in (dialect.quote_char, dialect.delimiter))
    quoted = b"[^%b\\r\\n]*+" % quote
    field = b"(?<![^%b\\r\\n])%b%b(?:%b%b%b)*+%b(?=[%b\\r\\n]|\\Z)" % (
        delimiter,
        quote,
        quoted,
        quote,
        quote,
        quoted,
        quote,
        delimiter,
    )
    others = b"[^%b]*+" % quote
    return re.compile(b"%b(?:%b%b)*+" % (others, field, others))


class _Reader:
    """Reads the lines of a dialect as bytes."""

    def __init__(self, dialect: Dialect) -> None:
        # A number: each search for b'"' would first try to make one of it, 0.2 s in a million lines. Without a quote
        # character no line is open, and any character will do.
        self.quote = ord(dialect.quote_char or '"')
        self.line_fields = line_reader(dialect)
        # Of many lines that no quote is open at their end, in a fifth of the time; never of one where a quote is open.
        self.is_closed = closed_lines(dialect).fullmatch
        self._comment = dialect.comment_char.encode() if dialect.comment_char else None

    def open_fields(self, line: bytes) -> list[str] | None:
        """The fields of a line that begins a record, if a quote is open at its end."""
        fields, is_open = self.line_fields(_characters(line))
        return fields if is_open and not self.is_comment(line) else None

    def is_comment(self, line: bytes) -> bool:
        """Only of a line that begins a record."""
        return self._comment is not None and line.startswith(self._comment)


class _ReadAhead(NamedTuple):
    """Lines from one with an open quote to the one that ends the record, or that shows it to be malformed."""

    lines: list[bytes]
    field_counts: list[int]  # how many fields begin on the lines up to each one, those of the first line left out
    is_closed: bool  # the record ends, well quoted, with the last line
    is_at_end: bool  # no line is left


def _records_read_ahead(
    number: int,
    line: bytes,
    numbered: NumberedLines,
    reader: _Reader,
    width: int | None,
    *,
    are_planned: bool,
) -> Iterator[Record]:
    """The records that begin on a line with an open quote, and on the lines that are read ahead to find its end.

    Each line is read ahead once: from any line of them on which a quote is open, the record would end where the
    first one's does. Only the last line can begin a record that takes more lines.
    """
    while True:
        ahead = _read_ahead(number, line, numbered, reader)
        if ahead.is_at_end:
            if not are_planned:
                raise BrokenRecordError(number, f"{UNCLOSED} until the end of the file")
            yield from ((alone, 1) for alone in ahead.lines)
            return
        if width is None and not ahead.is_closed:
            raise BrokenRecordError(number, f"{UNCLOSED} properly")
        start = _record_start(ahead, reader, width)
        yield from ((alone, 1) for alone in ahead.lines[:start])
        line = ahead.lines[-1]
        number += len(ahead.lines) - 1
        if start < len(ahead.lines) - 1:
            yield b"".join(ahead.lines[start:]), len(ahead.lines) - start
            return
        if not reader.open_fields(line):
            yield line, 1
            return


def _read_ahead(number: int, line: bytes, numbered: NumberedLines, reader: _Reader) -> _ReadAhead:
    opening_quote = chr(reader.quote)
    lines, field_counts, size = [line], [0], len(line)
    for _, line in numbered:
        size += len(line)
        if size > LONGEST_RECORD:
            raise BrokenRecordError(number, f"{UNCLOSED} within {LONGEST_RECORD} bytes")
        lines.append(line)
        if reader.quote not in line:
            field_counts.append(field_counts[-1])
            continue
        fields, is_open = reader.line_fields(opening_quote + _characters(line))  # the line goes on with a quoted field
        if fields is None:
            return _ReadAhead(lines, field_counts, is_closed=False, is_at_end=False)
        field_counts.append(field_counts[-1] + len(fields) - 1)
        if not is_open:
            return _ReadAhead(lines, field_counts, is_closed=True, is_at_end=False)
    return _ReadAhead(lines, field_counts, is_closed=False, is_at_end=True)


def _record_start(ahead: _ReadAhead, reader: _Reader, width: int | None) -> int:
    """The first line from which on the lines are one well-formed record; the last line if there is none."""
    last = len(ahead.lines) - 1
    if ahead.is_closed:
        for start, line in enumerate(ahead.lines[:last]):
            if reader.quote in line and (fields := reader.open_fields(line)):
                count = ahead.field_counts[last] - ahead.field_counts[start]
                if width in (None, len(fields) + count):
                    return start
    return last


def _characters(line: bytes) -> str:
    """One character a byte: only ASCII decides where a field or a record ends."""
    return line.decode("latin-1")
