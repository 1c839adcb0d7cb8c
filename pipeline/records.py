"""How the bytes of a CSV file fall into records: the same for the first pass and for the worker, so both count alike.

A record is a row or a blank line. Lines end with LF, CRLF or CR. A quote opens a field only at its beginning, as the
csv module has it; a field that it opens may hold delimiters and line ends.
"""

import csv
import re
from collections.abc import Iterator
from typing import IO

LONGEST_RECORD = 1 << 20  # bytes
BLOCK = 1 << 18  # bytes read at a time
DELIMITERS = ",;\t"
BLANK = " \t\r\n\v\f"  # a line of these alone is blank

csv.field_size_limit(LONGEST_RECORD)

Record = tuple[bytes, int]  # with its line end; physical lines, more than one if a quoted field holds line ends


def is_blank(record: bytes, delimiter: str) -> bool:
    """Whether a record is a blank line: white space alone, of which a delimiter is none."""
    return record.isspace() and delimiter.encode() not in record


class BrokenRecordError(Exception):
    """A record from which on the file cannot be read; `line` is where it begins, relative to the first one read."""

    def __init__(self, line: int, fault: str) -> None:
        super().__init__(f"line {line}: {fault}")
        self.line = line
        self.fault = fault


def records(file: IO[bytes], delimiter: str, first_line: int = 1) -> Iterator[Record]:
    """The records of a file from where it stands, never more than a block and a record of them in memory.

    Raises BrokenRecordError at a quote that never closes and at a record longer than LONGEST_RECORD.
    """
    simple = _SIMPLE[delimiter].fullmatch
    lines = _lines(file)
    number = first_line
    for line in lines:
        if len(line) > LONGEST_RECORD:
            raise BrokenRecordError(number, _TOO_LONG)
        if b'"' not in line or simple(line):
            yield line, 1
            number += 1
        else:
            record, line_count = _completed(line, lines, delimiter, number)
            yield record, line_count
            number += line_count


def _completed(line: bytes, lines: Iterator[bytes], delimiter: str, number: int) -> Record:
    """The record that begins with `line`, as far as the csv module reads on."""
    taken = [line]
    size = len(line)
    at_end = False

    def feed() -> Iterator[str]:
        nonlocal size, at_end
        yield line.decode("latin-1")  # one character a byte; only ASCII decides where a record ends
        for more in lines:
            taken.append(more)
            size += len(more)
            if size > LONGEST_RECORD:
                raise BrokenRecordError(number, f"{_UNCLOSED} within {LONGEST_RECORD} bytes")
            yield more.decode("latin-1")
        at_end = True

    next(csv.reader(feed(), delimiter=delimiter), None)
    if at_end:
        raise BrokenRecordError(number, f"{_UNCLOSED} until the end of the file")
    return b"".join(taken), len(taken)


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """Physical lines with their line ends. A line longer than LONGEST_RECORD comes in part, and is the last."""
    rest = b""
    while block := file.read(BLOCK):
        lines = (rest + block).splitlines(keepends=True)
        rest = b"" if lines[-1].endswith(b"\n") else lines.pop()  # perhaps CR of CRLF, perhaps half a line
        yield from lines
        if len(rest) > LONGEST_RECORD:
            break
    if rest:
        yield rest


def _simple(delimiter: str) -> re.Pattern[bytes]:
    """A line whose quoted fields are all closed on it, each followed by a delimiter or the end."""
    unquoted = rf'(?:[^"{delimiter}\r\n][^{delimiter}\r\n]*)?'
    quoted = r'"[^"\r\n]*(?:""[^"\r\n]*)*"'
    field = f"(?:{quoted}|{unquoted})"
    return re.compile(rf"{field}(?:{delimiter}{field})*(?:\r\n|\r|\n)?".encode())


_SIMPLE = {delimiter: _simple(delimiter) for delimiter in DELIMITERS}
_TOO_LONG = f"the row is longer than {LONGEST_RECORD} bytes"
_UNCLOSED = "a quote opens here and does not close"
