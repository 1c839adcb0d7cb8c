"""First pass over a file: its fingerprint, its header, and the plan of its chunks. Reads each byte once."""

import csv
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from pipeline.errors import InputError
from pipeline.ledger import ChunkPlan, LoadPlan
from producer.sources import Source

CHUNK_ROWS = 20_000  # default, for large files
CHUNK_BYTES = 1 << 20  # a chunk ends with the row that reaches this, whatever CHUNK_ROWS says
SMALL_FILE_CHUNKS = 8  # a small file makes about this many chunks, so that workers have something to share
SMALLEST_CHUNK = 500  # rows; fewer are not worth a chunk of their own


def scan(source: Source, chunk_rows: int | None) -> LoadPlan:
    """Plans the load of a file. `chunk_rows` None: CHUNK_ROWS, or fewer if the file is small.

    Raises InputError if the file is broken as a whole: no header, a required column missing, an
    unclosed quote, bytes that are not UTF-8.
    """
    fingerprint = hashlib.sha256()
    try:
        with source.path.open("rb") as file:
            records = _records(file, source)
            header = next(records, None)
            if header is None:
                raise InputError(f"{source.path}: the file is empty; its first line must name the columns")
            fingerprint.update(header.content)
            columns = _columns(header, source)
            chunks = []
            for content, chunk in _chunks(records, header, _chunk_end(source.path, chunk_rows)):
                _check_encoding(content, chunk.first_line, source)
                fingerprint.update(content)
                chunks.append(chunk)
    except OSError as error:
        raise InputError(f"{source.path}: cannot be read: {error.strerror}; correct the file or its rights") from error
    return LoadPlan(source.name, source.dataset.name, fingerprint.hexdigest(), columns, tuple(chunks))


class Record(NamedTuple):
    """A row as it stands in the file, or a blank line."""

    content: bytes  # with its line end
    line_count: int  # physical lines, more than one if a quoted field holds newlines


def _chunks(records: Iterable[Record], header: Record, is_end: "ChunkEnd") -> Iterator[tuple[bytes, ChunkPlan]]:
    """Cuts the records after the header into chunks: at least one, even without a row."""
    number, first_row, first_line, byte_offset = 1, 1, 1 + header.line_count, len(header.content)
    lines: list[bytes] = []
    row_count = byte_count = line_count = 0

    def chunk() -> tuple[bytes, ChunkPlan]:
        content = b"".join(lines)
        sha256 = hashlib.sha256(content).hexdigest()
        return content, ChunkPlan(number, first_row, row_count, first_line, byte_offset, byte_count, sha256)

    for record in records:
        lines.append(record.content)
        line_count += record.line_count
        byte_count += len(record.content)
        if record.content.isspace():  # a blank line
            continue
        row_count += 1
        if is_end(row_count, byte_count):
            yield chunk()
            number, first_row = number + 1, first_row + row_count
            first_line, byte_offset = first_line + line_count, byte_offset + byte_count
            lines.clear()
            row_count = byte_count = line_count = 0
    if lines or number == 1:
        yield chunk()


class ChunkEnd:
    """Says after which row a chunk ends."""

    def __init__(self, most_rows: int, small_size: int) -> None:
        self._most_rows = most_rows
        self._small_size = small_size  # bytes at which a chunk of a small file ends

    def __call__(self, rows: int, size: int) -> bool:
        if rows >= self._most_rows or size >= CHUNK_BYTES:
            return True
        return rows >= SMALLEST_CHUNK and size >= self._small_size


def _chunk_end(path: Path, chunk_rows: int | None) -> ChunkEnd:
    if chunk_rows is None:
        return ChunkEnd(CHUNK_ROWS, path.stat().st_size // SMALL_FILE_CHUNKS)
    return ChunkEnd(chunk_rows, CHUNK_BYTES)


def _records(file: Iterator[bytes], source: Source) -> Iterator[Record]:
    """Physical lines, those of a quoted field with newlines in it joined to one record.

    A line without a quote is a record of its own; where there is one, csv decides how far the record
    reaches, since a quote opens a field only at its beginning.
    """
    line_number = 0
    for line in file:
        line_number += 1
        if b'"' not in line:
            yield Record(line, 1)
            continue
        taken = [line]

        def feed(taken: list[bytes] = taken) -> Iterator[str]:
            yield taken[0].decode("utf-8", "replace")
            for more in file:
                taken.append(more)
                yield more.decode("utf-8", "replace")

        try:
            next(csv.reader(feed(), strict=True))
        except csv.Error as error:
            if "unexpected end of data" in str(error):
                message = f'{source.path} line {line_number}: a quote opens here and never closes; add the closing "'
            else:
                message = f"{source.path} line {line_number}: {error}; double the quotes inside a quoted field"
            raise InputError(message) from error
        line_number += len(taken) - 1
        yield Record(b"".join(taken), len(taken))


def _columns(header: Record, source: Source) -> tuple[str, ...]:
    """The names of the header; raises InputError if a required one is missing or stands there twice."""
    _check_encoding(header.content, 1, source)
    names = tuple(name.strip().lower() for name in next(csv.reader([header.content.decode("utf-8-sig")]), []))
    for column in source.dataset.columns:
        if names.count(column) != 1:
            fault = "is missing from" if column not in names else "stands twice in"
            raise InputError(
                f"{source.path} line 1: column '{column}' {fault} the header;"
                f" a {source.dataset.name} file needs {', '.join(source.dataset.columns)}"
            )
    return names


def _check_encoding(content: bytes, first_line: int, source: Source) -> None:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = first_line + content[: error.start].count(b"\n")
        raise InputError(
            f"{source.path} line {line}: byte 0x{content[error.start]:02x} is not UTF-8; save the file as UTF-8"
        ) from error
