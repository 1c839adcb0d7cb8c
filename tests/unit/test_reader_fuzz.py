"""The reader against raw bytes: whatever a file holds, nothing but the errors that it promises comes out."""

import csv
import io
import re
import tempfile
from itertools import pairwise
from pathlib import Path
from unittest import mock

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline import rows as rows_module
from pipeline.datasets.people import People
from pipeline.errors import InputError
from pipeline.rows import SourceRow, SourceRows
from producer.scan import scan
from producer.sources import Source

HEADERS = st.sampled_from(
    [b"given_name,family_name,date_of_birth,place_of_birth", b"a;given_name;family_name;date_of_birth;place_of_birth"]
)
TEXTS = [b"Jean", "é".encode(), b"1901-02-03", b'x"', b'"x"', b",,,\n", b"Jean,Kerr,1901-02-03,Ayr\n", b"\xef\xbb\xbf"]
PIECES = st.sampled_from([*(bytes([byte]) for byte in b',;\t"\n\r \0\xe9\x1c\x85\\'), b"\r\n", b'""', *TEXTS])
BODIES = st.one_of(st.lists(PIECES, max_size=60).map(b"".join), st.binary(max_size=200))


def rows_of(content: bytes, chunk_rows: int) -> tuple[list[tuple[int, int, str]], str]:
    """Row number, line and raw text of each row, as first pass and worker find them chunk by chunk."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.csv"
        path.write_bytes(content)
        source = Source("people.csv", path, People)
        with path.open("rb") as file:
            plan = scan(source, file, chunk_rows)
            rows = []
            for chunk in plan.chunks:
                part = content[chunk.byte_offset : chunk.byte_offset + chunk.byte_count]
                text = part.decode("utf-8", "surrogateescape")
                position = (chunk.first_row, chunk.first_line)
                read = SourceRows(text, plan.columns, plan.delimiter, People.columns, *position)
                found = list(read)
                check_columns(read, found)
                check_blocks(read, found)
                assert len(found) == chunk.row_count
                rows += [(row.row_number, row.line, row.raw) for row in found]
    return rows, plan.delimiter


def check_columns(read: SourceRows, found: list[SourceRow]) -> None:
    """All rows at once, where they can be had, are the rows that come one by one."""
    columns = read.columns()
    if columns is not None:
        assert [read.row(number) for number in range(len(found))] == found
        assert list(zip(*columns, strict=True)) == [row.fields or ("",) * len(columns) for row in found]


def check_blocks(read: SourceRows, found: list[SourceRow]) -> None:
    """However many lines are taken at once, it is the same rows."""
    for lines in (1, 2, 1_000):
        with mock.patch.object(rows_module, "BLOCK_LINES", lines):
            blocks = list(read.blocks())
        assert [row for block, _ in blocks for row in block] == found
        for block, columns in blocks:
            assert columns == block.columns()
            check_columns(block, list(block))


@settings(max_examples=1500, deadline=None)
@given(header=HEADERS, body=BODIES, chunk_rows=st.integers(1, 4))
@example(header=b"given_name,family_name,date_of_birth,place_of_birth", body=b'"\r', chunk_rows=1)
def test_any_body_gives_rows_or_is_refused(header: bytes, body: bytes, chunk_rows: int) -> None:
    content = header + b"\n" + body
    try:
        rows, delimiter = rows_of(content, chunk_rows)
    except InputError as error:
        assert re.match(r".*people\.csv line \d+: (a quote opens here|the row is longer)", str(error))  # noqa: PT017
        return
    assert [number for number, *_ in rows] == list(range(1, len(rows) + 1))
    assert rows == rows_of(content, 1_000)[0]  # however it is cut
    assert len(rows) == count_of_rows(content, delimiter)


def count_of_rows(content: bytes, delimiter: str) -> int:
    """As the csv module alone finds them; a blank line is none."""
    lines = list(io.StringIO(content.decode("latin-1"), newline=""))[1:]
    reader = csv.reader(lines, delimiter=delimiter)
    ends = [0, *(reader.line_num for _ in reader)]
    texts = ["".join(lines[start:end]) for start, end in pairwise(ends)]
    return sum(bool(text.strip(" \t\r\n\v\f")) or delimiter in text for text in texts)


@settings(max_examples=500, deadline=None)
@given(content=st.one_of(BODIES, st.tuples(BODIES, HEADERS, BODIES).map(b"".join)))
def test_any_file_is_planned_or_refused(content: bytes) -> None:
    try:
        rows_of(content, 2)
    except InputError as error:
        assert "people.csv" in str(error)  # noqa: PT017
