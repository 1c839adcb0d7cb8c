"""The reader against raw bytes: first pass, worker and check find the rows of the model, or the file is refused."""

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline import records as records_module
from pipeline import rows as rows_module
from pipeline.check import Check
from pipeline.datasets.people import People
from pipeline.errors import InputError
from pipeline.rows import Fault, SourceRow, SourceRows
from producer.encodings import Encodings
from producer.scan import scan
from producer.sources import Source
from tests.unit.record_model import ModelRow, RefusedError, model_rows

HEADERS = st.sampled_from(
    [b"given_name,family_name,date_of_birth,place_of_birth", b"a;given_name;family_name;date_of_birth;place_of_birth"]
)
TEXTS = [b"Jean", "é".encode(), b"1901-02-03", b'x"', b'"x"', b",,,\n", b"Jean,Kerr,1901-02-03,Ayr\n", b"\xef\xbb\xbf"]
PIECES = st.sampled_from([*(bytes([byte]) for byte in b',;\t"\n\r \0\xe9\x1c\x85\\'), b"\r\n", b'""', *TEXTS])
BODIES = st.one_of(st.lists(PIECES, max_size=60).map(b"".join), st.binary(max_size=200))
# What decides where a record ends; lines that open, close and go on with a quoted field come often enough.
QUOTED_PIECES = st.sampled_from(
    ['"', '"', ",", "\n", "\n", "\r", "a", " ", '"\n', ',"', '",', '""', 'a","a\n', "a,a\n"]
)


class Letters(People):
    """Rows of any width, none of which breaks a rule but by its form."""

    columns = ("a",)

    def faults(self, fields: Sequence[str]) -> list[Fault]:  # noqa: ARG002 (every field is good)
        return []


@contextmanager
def source_of(content: bytes, dataset: type[People]) -> Iterator[Source]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.csv"
        path.write_bytes(content)
        yield Source("people.csv", path, dataset)


def rows_of(content: bytes, chunk_rows: int, dataset: type[People] = People) -> list[SourceRow]:
    """The rows, as first pass and worker find them chunk by chunk."""
    rows = []
    with source_of(content, dataset) as source, source.path.open("rb") as file:
        plan = scan(source, file, chunk_rows)
        for chunk in plan.chunks:
            part = content[chunk.byte_offset : chunk.byte_offset + chunk.byte_count]
            text = part.decode("utf-8", "surrogateescape")
            position = (chunk.first_row, chunk.first_line)
            read = SourceRows(text, plan.columns, plan.delimiter, dataset.columns, *position)
            found = list(read)
            check_columns(read, found)
            check_blocks(read, found)
            assert len(found) == chunk.row_count
            rows += found
    return rows


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


@settings(max_examples=1000, deadline=None)
@given(
    body=st.lists(QUOTED_PIECES, max_size=30).map("".join),
    delimiter=st.sampled_from(",;| "),
    width=st.integers(1, 4),
    chunk_rows=st.integers(1, 4),
    longest=st.sampled_from([10, 20, records_module.LONGEST_RECORD]),
)
@example(body='"\na,a\n"a,a\n', delimiter=",", width=2, chunk_rows=1, longest=100)
@example(body='a,"\n"a\n"\n",a\n', delimiter=",", width=2, chunk_rows=1, longest=100)
def test_first_pass_worker_and_check_find_the_rows_of_the_model(
    body: str, delimiter: str, width: int, chunk_rows: int, longest: int
) -> None:
    header, body = delimiter.join("abcd"[:width]) + "\n", body.replace(",", delimiter)
    content = f"sep={delimiter}\n{header}{body}".encode()
    with mock.patch.object(records_module, "LONGEST_RECORD", longest):
        try:
            model = model_rows(body, delimiter, width, longest, first_line=3)
        except RefusedError as refused:
            with pytest.raises(
                InputError, match=rf"people\.csv line {refused.line}: (a quote opens|the row is longer)"
            ):
                rows_of(content, chunk_rows, Letters)
            return
        found = rows_of(content, chunk_rows, Letters)
        with source_of(content, Letters) as source:
            bad = [rejected.row for rejected in Check(Encodings()).bad_rows(source)]
    assert [row.row_number for row in found] == list(range(1, len(found) + 1))
    assert [ModelRow(row.line, row.raw, not row.faults) for row in found] == [
        row._replace(raw=row.raw.rstrip("\r\n")) for row in model
    ]
    assert bad == [row for row in found if row.faults]


@settings(max_examples=1000, deadline=None)
@given(header=HEADERS, body=BODIES, chunk_rows=st.integers(1, 4))
@example(header=b"given_name,family_name,date_of_birth,place_of_birth", body=b'"\r', chunk_rows=1)
def test_any_body_gives_rows_or_is_refused(header: bytes, body: bytes, chunk_rows: int) -> None:
    content = header + b"\n" + body
    try:
        rows = rows_of(content, chunk_rows)
    except InputError as error:
        assert re.match(r".*people\.csv line \d+: (a quote opens here|the row is longer)", str(error))  # noqa: PT017
        return
    assert [row.row_number for row in rows] == list(range(1, len(rows) + 1))
    assert rows == rows_of(content, 1_000)  # however it is cut


@settings(max_examples=500, deadline=None)
@given(content=st.one_of(BODIES, st.tuples(BODIES, HEADERS, BODIES).map(b"".join)))
def test_any_file_is_planned_or_refused(content: bytes) -> None:
    try:
        rows_of(content, 2)
    except InputError as error:
        assert "people.csv" in str(error)  # noqa: PT017
