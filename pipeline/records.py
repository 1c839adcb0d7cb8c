"""How the bytes of a CSV file fall into records: the same for the first pass and for the worker, so both count alike.

A record is a row or a blank line. Lines end with LF, CRLF or CR. A quote opens a field only at its beginning, as the
csv module has it; a field that it opens may hold delimiters and line ends.
"""

import csv
from collections.abc import Iterator
from typing import IO

LONGEST_RECORD = 1 << 20  # bytes
BLOCK = 1 << 18  # bytes read at a time
DELIMITERS = ",;\t"
QUOTE = ord('"')  # a number: each look for b'"' would first try to make one of it, 0.2 s in a million lines
UNCLOSED = "a quote opens here and does not close"
BLANK = " \t\r\n\v\f"  # a line of these alone is blank, unless one of them is the delimiter; as bytes.isspace

csv.field_size_limit(LONGEST_RECORD)

Record = tuple[bytes, int]  # with its line end; physical lines, more than one if a quoted field holds line ends


class BrokenRecordError(Exception):
    """A record from which on the file cannot be read; `line` is where it begins, relative to the first one read."""

    def __init__(self, line: int, fault: str) -> None:
        super().__init__(f"line {line}: {fault}")
        self.line = line
        self.fault = fault


def records(file: IO[bytes], delimiter: str, first_line: int = 1) -> Iterator[Record]:
    """The records of a file from where it stands, never more than a block and a record of them in memory.

    A line without a quote is a record; where there is one, the csv module says how far the record reaches.
    Raises BrokenRecordError at a quote that never closes and at a record longer than LONGEST_RECORD.
    """
    lines = _lines(file)
    taken: list[bytes] = []  # lines of the record that has a quote in it
    size = 0  # bytes of it
    number = first_line
    is_begun = at_end = False

    def feed() -> Iterator[str]:
        nonlocal is_begun, at_end, size
        while not at_end:
            if is_begun:
                line = next(lines, None)
                if line is None:
                    at_end = True
                    return
                taken.append(line)
                size += len(line)
                if size > LONGEST_RECORD:
                    raise BrokenRecordError(number, f"{UNCLOSED} within {LONGEST_RECORD} bytes")
            is_begun = True
            yield taken[-1].decode("latin-1")  # one character a byte; only ASCII decides where a record ends

    reader = csv.reader(feed(), delimiter=delimiter)
    for line in lines:
        if len(line) > LONGEST_RECORD:
            raise BrokenRecordError(number, f"the row is longer than {LONGEST_RECORD} bytes")
        if QUOTE not in line:
            yield line, 1
            number += 1
            continue
        taken[:] = [line]
        size = len(line)
        is_begun = False
        next(reader, None)
        if at_end:
            raise BrokenRecordError(number, f"{UNCLOSED} until the end of the file")
        yield b"".join(taken), len(taken)
        number += len(taken)


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
