"""First pass over a file: its fingerprint, its header, and the plan of its chunks. Reads each byte once."""

import csv
import hashlib
import io
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, NamedTuple

from pipeline.errors import InputError
from pipeline.ledger import ChunkPlan, LoadPlan
from pipeline.records import BrokenRecordError, Record, physical_lines, records
from producer.sources import Source

CHUNK_ROWS = 20_000  # default, for large files
CHUNK_BYTES = 1 << 20  # a chunk ends with the row that reaches this, whatever CHUNK_ROWS says
SMALL_FILE_CHUNKS = 8  # a small file makes about this many chunks, so that workers have something to share
SMALLEST_CHUNK = 500  # rows; fewer are not worth a chunk of their own
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
DELIMITERS = ",;\t"  # that a header may show

logger = logging.getLogger(__name__)


def scan(source: Source, file: IO[bytes], chunk_rows: int | None) -> LoadPlan:
    """Plans the load of a file. `chunk_rows` None: CHUNK_ROWS, or fewer if the file is small.

    Raises InputError, naming file, line and remedy, if the file is broken as a whole: empty, a required
    column missing or doubled, a quote that never closes, a row that is too long.
    """
    file.seek(0)
    header = _header(source, file)
    fingerprint = hashlib.sha256(header.content)
    chunks = []
    try:
        lines, width = physical_lines(file), len(header.columns)
        body = records(lines, header.delimiter, width, first_line=header.line_count + 1)
        for content, chunk in _chunks(body, header, _limits(file, chunk_rows)):
            fingerprint.update(content)
            chunks.append(chunk)
    except BrokenRecordError as error:
        raise InputError(f"{source.path} line {error.line}: {error.fault}; correct the file") from error
    return LoadPlan(
        source.name, source.dataset.name, fingerprint.hexdigest(), header.columns, header.delimiter, tuple(chunks)
    )


@dataclass(frozen=True)
class Header:
    """What stands before the first row: the names of the columns, and blank lines above them."""

    content: bytes
    line_count: int
    delimiter: str
    columns: tuple[str, ...]


def _header(source: Source, file: IO[bytes]) -> Header:
    """Reads the header, and leaves the file where the first record after it begins."""
    content, line_count, record = b"", 0, b""
    try:
        for record, lines in records(physical_lines(file), ",", width=None):
            content, line_count = content + record, line_count + lines
            if record.removeprefix(BYTE_ORDER_MARK).strip():
                break
        else:
            raise InputError(f"{source.path}: the file is empty; its first line must name the columns")
    except BrokenRecordError as error:
        raise InputError(f"{source.path} line {error.line}: {error.fault}; correct the header") from error
    file.seek(len(content))
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{source.path} line 1: the file is UTF-16, not UTF-8; name it with --encoding utf-16")
    text = record.removeprefix(BYTE_ORDER_MARK).decode("utf-8", "backslashreplace").replace("\0", "\\x00")
    delimiter = max(DELIMITERS, key=text.count)
    names = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    columns = tuple(name.strip().lower() for name in names)
    _check_columns(source, columns, line_count)
    return Header(content, line_count, delimiter, columns)


def _check_columns(source: Source, columns: tuple[str, ...], line: int) -> None:
    required = source.dataset.columns
    for column in required:
        if columns.count(column) != 1:
            fault = "is missing from" if column not in columns else "stands twice in"
            raise InputError(
                f"{source.path} line {line}: column '{column}' {fault} the header;"
                f" a {source.dataset.name} file needs {', '.join(required)}"
            )
    if ignored := [column for column in columns if column not in required]:
        logger.info("%s: columns that are ignored: %s", source.name, ", ".join(map(repr, ignored)))


def _chunks(body: Iterable[Record], header: Header, limits: "Limits") -> Iterator[tuple[bytes, ChunkPlan]]:
    """Cuts the records after the header into chunks: at least one, even without a row."""
    number, first_row, first_line, byte_offset = 1, 1, 1 + header.line_count, len(header.content)
    delimiter = header.delimiter.encode()
    contents: list[bytes] = []
    row_count = byte_count = line_count = 0

    def chunk() -> tuple[bytes, ChunkPlan]:
        content = b"".join(contents)
        sha256 = hashlib.sha256(content).hexdigest()
        return content, ChunkPlan(number, first_row, row_count, first_line, byte_offset, byte_count, sha256)

    for content, lines in body:
        contents.append(content)
        line_count += lines
        byte_count += len(content)
        if content.isspace() and delimiter not in content:  # a blank line
            continue
        row_count += 1
        if row_count >= limits.rows or (
            byte_count >= limits.small_size and (row_count >= SMALLEST_CHUNK or byte_count >= limits.size)
        ):
            yield chunk()
            number, first_row = number + 1, first_row + row_count
            first_line, byte_offset = first_line + line_count, byte_offset + byte_count
            contents.clear()
            row_count = byte_count = line_count = 0
    if contents or number == 1:
        yield chunk()


class Limits(NamedTuple):
    """A chunk ends with the row that reaches one of them."""

    rows: int
    size: int  # bytes
    small_size: int  # bytes, from SMALLEST_CHUNK rows on


def _limits(file: IO[bytes], chunk_rows: int | None) -> Limits:
    if chunk_rows is not None:
        return Limits(chunk_rows, CHUNK_BYTES, CHUNK_BYTES)
    position = file.tell()
    size = file.seek(0, 2)
    file.seek(position)
    return Limits(CHUNK_ROWS, CHUNK_BYTES, min(CHUNK_BYTES, size // SMALL_FILE_CHUNKS))
