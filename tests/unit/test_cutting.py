"""Chunks that are cut many lines at a time are the chunks that are cut row by row."""

import io
from collections.abc import Iterable, Iterator
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.csv_text import records
from pipeline.csv_text.dialect import Dialect
from pipeline.csv_text.records import BrokenRecordError, Record
from producer import cutting
from producer.chunk_limits import ChunkLimits
from producer.cutting import Cut, cuts
from tests.support import examples

LINES = ["a,b\n", '"a",b\r\n', '"a,""b""",c\n', 'a,"b"\r', "é,,\n"]
OTHERS = ["\n", " \t\n", "#a\n", 'a"b",c\n', '"a\nb",c\n', '"a\n', "x" * 30 + "\n", "a,b", '"a" "\n']
BODIES = st.lists(st.sampled_from([*LINES * 3, *OTHERS]), min_size=8, max_size=30).map("".join)
DIALECTS = st.sampled_from(
    [Dialect(","), Dialect(",", comment_char="#"), Dialect(",", quote_char=None), Dialect(",", escape_char="\\")]
)
LIMITS = st.builds(
    lambda rows, size, small: ChunkLimits(rows, size, min(size, small)),
    *(st.integers(1, 9), st.integers(20, 60), st.integers(10, 90)),
)


def found(body: str, dialect: Dialect, limits: ChunkLimits) -> list[Cut] | str:
    """The chunks, or why there are none."""
    try:
        return list(cuts(io.BytesIO(body.encode()), dialect, 2, 1, limits))
    except BrokenRecordError as error:
        return str(error)


@examples(500)
@given(body=BODIES, dialect=DIALECTS, limits=LIMITS, block=st.integers(1, 200), smallest=st.integers(1, 5))
def test_it_makes_no_difference_how_many_lines_are_cut_at_a_time(
    body: str, dialect: Dialect, limits: ChunkLimits, block: int, smallest: int
) -> None:
    with (
        mock.patch.object(cutting, "SMALLEST_CHUNK", smallest),
        mock.patch.object(records, "LONGEST_RECORD", 25),
        mock.patch.object(records, "BLOCK", block),
    ):
        many_at_a_time = found(body, dialect, limits)
        with mock.patch.object(cutting, "row_lines_test", return_value=lambda *_: False):
            assert many_at_a_time == found(body, dialect, limits)
    if isinstance(many_at_a_time, list):
        assert b"".join(cut.content for cut in many_at_a_time) == body.encode()


def test_a_file_of_rows_is_not_read_row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[bytes] = []

    def no_records(lines: Iterable[bytes], *_: object) -> Iterator[Record]:
        left.extend(lines)
        return iter(())

    monkeypatch.setattr(cutting, "records", no_records)
    body = b'a,b\n"a, ""b""",c\r\n' * 50
    limits = ChunkLimits(40, 1 << 20, 1 << 20)
    assert [cut.row_count for cut in cuts(io.BytesIO(body), Dialect(","), 2, 1, limits)] == [40, 40, 20]
    assert left == []
    assert [cut.row_count for cut in cuts(io.BytesIO(body + b"\n"), Dialect(","), 2, 1, limits)] == [40, 40]
    assert len(left) == 21
