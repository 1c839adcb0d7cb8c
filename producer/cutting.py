"""How the rows of a file fall into chunks: many lines at a time as long as each line is a row, then row by row."""

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate, islice
from typing import IO, NamedTuple

from pipeline.csv_text.dialect import Dialect
from pipeline.csv_text.records import line_blocks, physical_lines, records, row_lines_test, row_test
from producer.chunk_limits import SMALLEST_CHUNK, ChunkLimits


class Cut(NamedTuple):
    """The content of a chunk."""

    content: bytes
    row_count: int
    line_count: int
    row_lines: int  # up to the last row


def cuts(file: IO[bytes], dialect: Dialect, width: int, first_line: int, limits: ChunkLimits) -> Iterator[Cut]:
    """What follows where the file stands, in chunks; a single one without a row if nothing follows.

    `dialect` is a resolved one, `width` the number of fields of a row. Raises BrokenRecordError as `records` does.
    """
    line, offset, are_rows = first_line, file.tell(), row_lines_test(dialect)
    for lines in _lines_by_chunk(file, limits):
        content = b"".join(lines)
        if not are_rows(lines, content):
            break
        yield Cut(content, len(lines), len(lines), len(lines))
        line, offset = line + len(lines), offset + len(content)
    file.seek(offset)
    others = _cuts_by_record(file, dialect, width, line, limits)
    if line == first_line:
        yield next(others, Cut(b"", 0, 0, 0))
    yield from others


def _lines_by_chunk(file: IO[bytes], limits: ChunkLimits) -> Iterator[list[bytes]]:
    """The lines of each chunk, if each line is a row."""
    lines: list[bytes] = []
    size = 0
    for block in line_blocks(file):
        lines += block
        size += sum(map(len, block))
        while len(lines) >= limits.rows or size >= limits.size:
            chunk = _first_chunk(lines, limits)
            yield chunk
            del lines[: len(chunk)]
            size -= sum(map(len, chunk))
    while lines:
        chunk = _first_chunk(lines, limits)
        yield chunk
        del lines[: len(chunk)]


def _first_chunk(lines: list[bytes], limits: ChunkLimits) -> list[bytes]:
    ends = list(accumulate(map(len, islice(lines, limits.rows))))
    small = max(SMALLEST_CHUNK, bisect_left(ends, limits.small_size) + 1)
    return lines[: min(len(ends), small, bisect_left(ends, limits.size) + 1)]


def _cuts_by_record(
    file: IO[bytes], dialect: Dialect, width: int, first_line: int, limits: ChunkLimits
) -> Iterator[Cut]:
    is_row = row_test(dialect)
    has_comments = dialect.comment_char is not None
    contents: list[bytes] = []
    row_count = byte_count = line_count = row_lines = 0
    for content, lines in records(physical_lines(file), dialect, width, first_line):
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
            yield Cut(b"".join(contents), row_count, line_count, row_lines)
            contents.clear()
            row_count = byte_count = line_count = row_lines = 0
    if contents:
        yield Cut(b"".join(contents), row_count, line_count, row_lines)
