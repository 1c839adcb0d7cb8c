"""What stands before the first row of a file: a byte-order mark, a line `sep=;`, comments, the names of the columns."""

import csv
import io
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import IO

from pipeline.csv_text.dialect import Dialect
from pipeline.csv_text.records import LONGEST_RECORD, BrokenRecordError, physical_lines, records, row_test
from pipeline.descriptions.header import comparable_name, field_positions
from pipeline.errors import InputError
from pipeline.url import Location
from producer.sources import Source

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
DELIMITERS = ",;\t|"  # that a header may show
# Excel's first line `sep=;`: any ASCII character but a letter, a digit, a quote, a line end, and NUL, which PostgreSQL
# cannot store.
DELIMITER_LINE = re.compile(rb'("?)sep=((?![a-z0-9"\r\n])[\x01-\x7f])\1[\r\n]*', re.IGNORECASE)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Header:
    """What stands before the first row: the names of the columns, and the preamble above them."""

    content: bytes
    line_count: int
    delimiter: str
    columns: tuple[str, ...]
    fault: BrokenRecordError | None = None
    names: tuple[str, ...] = ()  # of the columns, as the header has them


@dataclass(frozen=True)
class Preamble:
    """What stands above the header, or above the first row: a byte-order mark, a line `sep=;`, blank lines, comments.

    Without a header, blank lines and comments belong to the first chunk, and may stand before `next_line`.
    """

    content: bytes
    line_count: int
    delimiter: str | None  # as the line `sep=;` names it
    next_line: bytes  # on which the header or the first row begins; empty at the end of the file


def read_header(path: Location, file: IO[bytes], dialect: Dialect) -> Header:
    """The header of a file with any columns; leaves the file where the first record after it begins.

    Its delimiter is the one that a line `sep=;` names, else the dialect's, else the one that makes the most columns.
    Raises InputError if the file has no header that can be read.
    """
    preamble, headers = _possible_headers(path, file, dialect)
    if not preamble.next_line:
        raise InputError(f"{path}: the file is empty; its first line must name the columns")
    header = max(headers, key=lambda header: len(header.columns))
    if header.fault:
        raise InputError(f"{path} line {header.fault.line}: {header.fault.fault}; correct the header")
    file.seek(len(header.content))
    return header


def source_header(source: Source, file: IO[bytes], dialect: Dialect) -> Header:
    """The header of a source, or what stands for it in a file without one; leaves the file after it.

    Raises InputError if the header does not match the dataset's fields.
    """
    if dialect.header:
        header = read_header(source.path, file, dialect)
        try:
            field_positions(source.dataset, header.names, f"{source.path} line {header.line_count}")
        except InputError as error:
            raise InputError(f"{error}{_likely_cause(header, dialect)}") from error
    else:
        names = tuple(field.name for field in source.dataset.fields)
        header = _no_header(names, *_possible_headers(source.path, file, dialect))
        file.seek(len(header.content))
    return header


def _likely_cause(header: Header, dialect: Dialect) -> str:
    """Why a header may lack columns, with the remedy; empty if nothing in it says so."""
    try:
        header.content.decode()
    except UnicodeDecodeError:
        return "; it has bytes that are not UTF-8: name the encoding of the file, such as --encoding windows-1252"
    others = [sign for sign in DELIMITERS if sign in header.names[0]] if len(header.names) == 1 else []
    if dialect.delimiter and others:
        return f"; the delimiter of the description is {dialect.delimiter!r}, and here it seems to be {others[0]!r}"
    return ""


def _possible_headers(path: Location, file: IO[bytes], dialect: Dialect) -> tuple[Preamble, list[Header]]:
    """What stands above the header, and the header by each delimiter that it may have."""
    preamble = _preamble(file, dialect)
    if preamble.next_line.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{path} line 1: the file is UTF-16, not UTF-8; name it with --encoding utf-16")
    delimiters = preamble.delimiter or dialect.delimiter or _unused(DELIMITERS, dialect)
    return preamble, [_header_with(delimiter, dialect, preamble, file) for delimiter in delimiters]


def _no_header(columns: tuple[str, ...], preamble: Preamble, first_rows: Sequence[Header]) -> Header:
    """These columns, with the delimiter that makes as many fields of the first row, or else the most."""
    best = max(first_rows, key=lambda row: (len(row.columns) == len(columns), len(row.columns)))
    return Header(preamble.content, preamble.line_count, best.delimiter, columns)


def _preamble(file: IO[bytes], dialect: Dialect) -> Preamble:
    start = file.read(len(BYTE_ORDER_MARK))
    content = bytearray(BYTE_ORDER_MARK if start == BYTE_ORDER_MARK else b"")
    file.seek(len(content))
    is_row = row_test(Dialect(comment_char=dialect.comment_char))
    delimiter = None
    line_count = 0
    for number, line in enumerate(physical_lines(file)):
        named = DELIMITER_LINE.fullmatch(line) if number == 0 else None
        if named and _unused(named[2].decode(), dialect):
            delimiter = named[2].decode()
        elif is_row(line.decode("latin-1")):
            return Preamble(bytes(content), line_count, delimiter, line)
        elif not dialect.header:
            continue
        content += line
        line_count += 1
    return Preamble(bytes(content), line_count, delimiter, b"")


def _unused(delimiters: str, dialect: Dialect) -> str:
    """Those that have no other meaning in the dialect."""
    others = (dialect.quote_char, dialect.escape_char, dialect.comment_char)
    return "".join(delimiter for delimiter in delimiters if delimiter not in others)


def _header_with(delimiter: str, dialect: Dialect, preamble: Preamble, file: IO[bytes]) -> Header:
    """The header, if this is the delimiter; if a record with it cannot be read, of the columns on its first line.

    The first row has the place of the header in a file without one.
    """
    dialect = replace(dialect, delimiter=delimiter)
    is_row = row_test(dialect)
    file.seek(len(preamble.content))
    fault = None
    try:
        body = records(physical_lines(file), dialect, None, preamble.line_count + 1)
        record, line_count = next((found for found in body if is_row(found[0].decode("latin-1"))), (b"", 0))
    except BrokenRecordError as error:
        record, line_count, fault = preamble.next_line[:LONGEST_RECORD], 1, error
    text = record.decode("utf-8", "backslashreplace").replace("\0", "\\x00")
    names = tuple(map(str.strip, next(csv.reader(io.StringIO(text, newline=""), **dialect.csv_parameters), [])))
    columns = tuple(map(str.lower, names))
    return Header(preamble.content + record, preamble.line_count + line_count, delimiter, columns, fault, names)


def log_ignored_columns(source: Source, columns: Sequence[str]) -> None:
    """Names the columns of a header that no field of the dataset has."""
    fields = {comparable_name(field.name) for field in source.dataset.fields}
    ignored = [
        repr(column) if column else f"column {number}, which has no name"
        for number, column in enumerate(columns, 1)
        if comparable_name(column) not in fields
    ]
    if ignored and source.dataset.dialect.header:
        logger.info("%s: columns that are ignored: %s", source.name, ", ".join(ignored))
