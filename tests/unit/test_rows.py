"""Rows out of the text of a chunk."""

from pipeline.datasets.dataset import SourceRow
from worker.rows import read_rows

HEADER = ("a", "b")


def read(text: str, columns: tuple[str, ...] = HEADER) -> list[SourceRow]:
    return list(read_rows(text, HEADER, columns, first_row=11, first_line=21))


def test_rows_know_their_number_line_and_text() -> None:
    assert read('1,2\n\n"x\ny",4\r\n5,6') == [
        SourceRow(11, 21, ("1", "2"), "1,2"),
        SourceRow(12, 23, ("x\ny", "4"), '"x\ny",4'),
        SourceRow(13, 25, ("5", "6"), "5,6"),
    ]


def test_columns_come_in_the_order_asked_for() -> None:
    assert read("1,2\n", columns=("b", "a"))[0].fields == ("2", "1")


def test_a_row_of_another_width_has_no_fields() -> None:
    assert [row.fields for row in read("1\n1,2\n1,2,3\n")] == [(), ("1", "2"), ()]


def test_characters_that_only_look_like_line_ends_stay_in_their_row() -> None:
    assert [row.fields for row in read("1\u2028\x1c\x85,2\n")] == [("1\u2028\x1c\x85", "2")]
