"""The scan of a file: its fingerprint, its header, and the plan of its chunks. Reads each byte once."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import IO

from pipeline.csv_text.dialect import Dialect
from pipeline.csv_text.records import BrokenRecordError, Record, physical_lines, records, row_test
from pipeline.errors import InputError
from pipeline.ledger.chunk import ChunkPlan
from pipeline.ledger.load import LoadPlan
from producer.chunk_limits import SMALLEST_CHUNK, ChunkLimits, chunk_limits
from producer.header import Header, source_header
from producer.sources import Source


def scan(source: Source, file: IO[bytes], chunk_rows: int | None) -> LoadPlan:
    """Plans the load of a file. `chunk_rows` None: CHUNK_ROWS, or fewer if the file is small.

    Raises InputError, naming file, line and remedy, if the file is broken as a whole: empty, a required
    column missing or doubled, a quote that never closes, a row that is too long.
    """
    file.seek(0)
    dialect = source.dataset.dialect
    header = source_header(source, file, dialect)
    dialect = replace(dialect, delimiter=header.delimiter)
    fingerprint = hashlib.sha256(header.content)
    chunks = []
    try:
        lines, width = physical_lines(file), len(header.columns)
        body = records(lines, dialect, width, first_line=header.line_count + 1)
        for content, chunk in _chunks(body, header, dialect, chunk_limits(file, chunk_rows)):
            fingerprint.update(content)
            chunks.append(chunk)
    except BrokenRecordError as error:
        raise InputError(f"{source.path} line {error.line}: {error.fault}; correct the file") from error
    return LoadPlan(
        source.name, source.dataset.name, fingerprint.hexdigest(), header.columns, header.delimiter, tuple(chunks)
    )


def _chunks(
    body: Iterable[Record], header: Header, dialect: Dialect, limits: ChunkLimits
) -> Iterator[tuple[bytes, ChunkPlan]]:
    """Cuts the records after the header into chunks: at least one, even without a row."""
    number, first_row, first_line, byte_offset = 1, 1, 1 + header.line_count, len(header.content)
    is_row = row_test(dialect)
    has_comments = dialect.comment_char is not None
    contents: list[bytes] = []
    row_count = byte_count = line_count = row_lines = 0

    def chunk() -> tuple[bytes, ChunkPlan]:
        content = b"".join(contents)
        sha256 = hashlib.sha256(content).hexdigest()
        return content, ChunkPlan(number, first_row, row_count, first_line, byte_offset, byte_count, sha256, row_lines)

    for content, lines in body:
        contents.append(content)
        line_count += lines
        byte_count += len(content)
        if (content.isspace() or has_comments) and not is_row(content.decode("latin-1")):
            continue
        row_count += 1
        row_lines = line_count
        if row_count >= limits.rows or (
            byte_count >= limits.small_size and (row_count >= SMALLEST_CHUNK or byte_count >= limits.size)
        ):
            yield chunk()
            number, first_row = number + 1, first_row + row_count
            first_line, byte_offset = first_line + line_count, byte_offset + byte_count
            contents.clear()
            row_count = byte_count = line_count = row_lines = 0
    if contents or number == 1:
        yield chunk()
