"""How the bytes of a CSV file fall into records: one function for the first pass and for the worker, so both agree.

A record is a row or a blank line. Lines end with LF, CRLF or CR. A quote opens a field only at its beginning, as the
csv module has it; a field that it opens may hold delimiters and line ends. A record of several lines must be well
formed: no text after a closing quote, and as many fields as the header. If it is not, its first line alone is a
record, and the next line begins another one.
"""

import csv
from collections.abc import Callable, Iterable, Iterator
from typing import IO, NamedTuple

LONGEST_RECORD = 1 << 20  # bytes
BLOCK = 1 << 18  # bytes read at a time
QUOTE = ord('"')  # a number: each look for b'"' would first try to make one of it, 0.2 s in a million lines
UNCLOSED = "a quote opens here and does not close"
BLANK = " \t\r\n\v\f"  # a line of these alone is blank, unless one of them is the delimiter; as bytes.isspace

csv.field_size_limit(LONGEST_RECORD)

Record = tuple[bytes, int]  # with its line end; physical lines, more than one if a quoted field holds line ends
NumberedLines = Iterator[tuple[int, bytes]]
LineFields = tuple[list[str] | None, bool]  # None: text after a closing quote; whether a quote is open at the end


class BrokenRecordError(Exception):
    """A record from which on the file cannot be read; `line` is where it begins, relative to the first one read."""

    def __init__(self, line: int, fault: str) -> None:
        super().__init__(f"line {line}: {fault}")
        self.line = line
        self.fault = fault


def records(
    lines: Iterable[bytes], delimiter: str, width: int | None, first_line: int = 1, *, are_planned: bool = False
) -> Iterator[Record]:
    """The records of physical lines, never more than LONGEST_RECORD bytes read ahead.

    `width` is the number of fields in the header; None reads the header itself, which must be well formed.
    `are_planned`: the lines are records that the first pass over the file has found. It has read on where a quote
    is open after the last of them, so that quote stands in a malformed record.
    Raises BrokenRecordError at a record longer than LONGEST_RECORD, and at a quote that never closes.
    """
    line_fields = line_reader(delimiter)
    numbered = enumerate(lines, first_line)
    for number, line in numbered:
        if len(line) > LONGEST_RECORD:
            raise BrokenRecordError(number, f"the row is longer than {LONGEST_RECORD} bytes")
        if QUOTE in line and line_fields(_characters(line))[1]:
            yield from _records_read_ahead(number, line, numbered, line_fields, width, are_planned=are_planned)
        else:
            yield line, 1


def physical_lines(file: IO[bytes]) -> Iterator[bytes]:
    """Lines from where the file stands, with their line ends, a block of them in memory.

    A line longer than LONGEST_RECORD comes in part, and is the last.
    """
    rest = b""
    while block := file.read(BLOCK):
        lines = (rest + block).splitlines(keepends=True)
        rest = b"" if lines[-1].endswith(b"\n") else lines.pop()  # perhaps CR of CRLF, perhaps half a line
        yield from lines
        if len(rest) > LONGEST_RECORD:
            break
    if rest:
        yield rest


def line_reader(delimiter: str) -> Callable[[str], LineFields]:
    """Reads lines one by one, each as if it began a record and a quote still open at its end closed there."""
    pending: list[str] = []
    reader = csv.reader(iter(pending.pop, None), delimiter=delimiter, strict=True)

    def line_fields(line: str) -> LineFields:
        pending[:] = ['"', line]  # the quote is read only if one is open at the end of the line, and closes it
        try:
            fields = next(reader)
        except csv.Error:
            return None, False
        return fields, not pending

    return line_fields


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
    line_fields: Callable[[str], LineFields],
    width: int | None,
    *,
    are_planned: bool,
) -> Iterator[Record]:
    """The records that begin on a line with an open quote, and on the lines that are read ahead to find its end.

    Each line is read ahead once: from any line of them on which a quote is open, the record would end where the
    first one's does. Only the last line can begin a record that takes more lines.
    """
    while True:
        ahead = _read_ahead(number, line, numbered, line_fields)
        if ahead.is_at_end:
            if not are_planned:
                raise BrokenRecordError(number, f"{UNCLOSED} until the end of the file")
            yield from ((alone, 1) for alone in ahead.lines)
            return
        if width is None and not ahead.is_closed:
            raise BrokenRecordError(number, f"{UNCLOSED} properly")
        start = _record_start(ahead, line_fields, width)
        yield from ((alone, 1) for alone in ahead.lines[:start])
        line = ahead.lines[-1]
        number += len(ahead.lines) - 1
        if start < len(ahead.lines) - 1:
            yield b"".join(ahead.lines[start:]), len(ahead.lines) - start
            return
        if not line_fields(_characters(line))[1]:
            yield line, 1
            return


def _read_ahead(
    number: int, line: bytes, numbered: NumberedLines, line_fields: Callable[[str], LineFields]
) -> _ReadAhead:
    lines, field_counts, size = [line], [0], len(line)
    for _, line in numbered:
        size += len(line)
        if size > LONGEST_RECORD:
            raise BrokenRecordError(number, f"{UNCLOSED} within {LONGEST_RECORD} bytes")
        lines.append(line)
        if QUOTE not in line:
            field_counts.append(field_counts[-1])
            continue
        fields, is_open = line_fields('"' + _characters(line))  # the line goes on with a quoted field
        if fields is None:
            return _ReadAhead(lines, field_counts, is_closed=False, is_at_end=False)
        field_counts.append(field_counts[-1] + len(fields) - 1)
        if not is_open:
            return _ReadAhead(lines, field_counts, is_closed=True, is_at_end=False)
    return _ReadAhead(lines, field_counts, is_closed=False, is_at_end=True)


def _record_start(ahead: _ReadAhead, line_fields: Callable[[str], LineFields], width: int | None) -> int:
    """The first line from which on the lines are one well-formed record; the last line if there is none."""
    last = len(ahead.lines) - 1
    if ahead.is_closed:
        for start, line in enumerate(ahead.lines[:last]):
            if QUOTE in line:
                fields, is_open = line_fields(_characters(line))
                count = ahead.field_counts[last] - ahead.field_counts[start]
                if is_open and fields and width in (None, len(fields) + count):
                    return start
    return last


def _characters(line: bytes) -> str:
    """One character a byte: only ASCII decides where a field or a record ends."""
    return line.decode("latin-1")
