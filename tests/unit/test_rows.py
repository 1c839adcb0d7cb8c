"""Rows out of the text of a chunk."""

from unittest import mock

import pytest

from pipeline.csv_text import rows as rows_module
from pipeline.csv_text.dialect import Dialect
from pipeline.csv_text.rows import Fault, SourceRow, SourceRows

HEADER = ("a", "b")


def read(content: str | bytes, columns: tuple[str, ...] = HEADER, delimiter: str = ",") -> list[SourceRow]:
    encoded = content.encode() if isinstance(content, str) else content
    positions = [HEADER.index(column) for column in columns]
    return list(SourceRows(encoded, Dialect(delimiter=delimiter), 2, columns, positions, first_row=11, first_line=21))


def test_rows_know_their_number_line_and_text() -> None:
    assert read('1,2\n\n"x\ny",4\r\n5,6') == [
        SourceRow(11, 21, ("1", "2"), "1,2"),
        SourceRow(12, 23, ("x\ny", "4"), '"x\ny",4'),
        SourceRow(13, 25, ("5", "6"), "5,6"),
    ]


def test_lines_may_end_with_cr_alone() -> None:
    rows = [(row.line, row.fields) for row in read('1,2\r\r"x\ry",4\r')]
    assert rows == [(21, ("1", "2")), (23, ("x\ry", "4"))]


def test_columns_come_in_the_order_asked_for() -> None:
    assert read("1,2\n", columns=("b", "a"))[0].fields == ("2", "1")


def test_a_column_that_the_file_does_not_have_is_empty() -> None:
    content, dialect = b"1,2\n3,4\n", Dialect(delimiter=",")
    rows = SourceRows(content, dialect, 2, ("b", "c"), (1, None), first_row=11, first_line=21)
    assert [row.fields for row in rows] == [("2", ""), ("4", "")]
    assert rows.columns() == [("2", "4"), ("", "")]


def test_a_row_of_another_width_has_no_fields() -> None:
    narrow, wide = Fault("row", "has 1 field, expected 2"), Fault("row", "has 3 fields, expected 2")
    rows = [(row.fields, row.faults) for row in read("1\n1,2\n1,2,3\n")]
    assert rows == [((), (narrow,)), (("1", "2"), ()), ((), (wide,))]


def test_a_line_of_delimiters_is_a_row() -> None:
    assert [row.fields for row in read("\t\n \n", delimiter="\t")] == [("", "")]


def test_characters_that_only_look_like_line_ends_stay_in_their_row() -> None:
    assert [row.fields for row in read("1\u2028\x1c\x85,2\n")] == [("1\u2028\x1c\x85", "2")]


def test_what_postgresql_cannot_store_is_a_fault_of_its_column_and_shown_as_digits() -> None:
    [bytes_row, nul_row, good] = read(b"1,\xe9t\xe9\n1\0,2\n\xc3\xa9,2\n")
    assert bytes_row.faults == (Fault("b", "holds bytes that are not UTF-8"),)
    assert bytes_row.raw == "1,\\xe9t\\xe9"
    assert nul_row.faults == (Fault("a", "holds a NUL character"),)
    assert nul_row.raw == "1\\x00,2"
    assert good == SourceRow(13, 23, ("é", "2"), "é,2")


def test_bytes_that_are_not_utf8_in_an_ignored_column_are_no_fault() -> None:
    assert read(b"1,\xe9\n", columns=("a",))[0].faults == ()


def test_text_after_a_closing_quote_is_a_fault() -> None:
    faults = [[str(fault) for fault in row.faults] for row in read('"1"x,2\n"1","2"\n1"x,2\n"1"x,"2\n')]
    assert faults == [["row has text after a closing quote"], [], [], ["row has text after a closing quote"]]
    [row] = read('"1"x\n')
    assert [str(fault) for fault in row.faults] == [
        "row has 1 field, expected 2",
        "row has text after a closing quote",
    ]


OPEN = (Fault("row", "has an open quote that the next lines do not close properly"),)


@pytest.mark.parametrize(
    "last",
    [
        pytest.param('"5"x,6\n', id="text after the closing quote"),
        pytest.param('",5,6\n', id="another number of fields"),
        pytest.param("5,6\n", id="no closing quote before the end of the chunk"),
    ],
)
def test_a_malformed_row_of_several_lines_costs_its_first_line_alone(last: str) -> None:
    first, good, *_ = read(f'1,"2\n3,4\n{last}')
    assert first == SourceRow(11, 21, (), '1,"2', OPEN)
    assert good == SourceRow(12, 22, ("3", "4"), "3,4")


def test_a_well_formed_row_may_begin_inside_a_malformed_one() -> None:
    rows = read('"x\n1,"2\n3\n"\n')
    assert rows == [SourceRow(11, 21, (), '"x', OPEN), SourceRow(12, 22, ("1", "2\n3\n"), '1,"2\n3\n"')]


def test_a_malformed_row_may_begin_where_the_last_one_was_seen_to_be_malformed() -> None:
    rows = read('1,"2\n"x,"\n3,4\n"y\n')
    assert [(row.line, row.raw, row.faults == OPEN) for row in rows] == [
        (21, '1,"2', True),
        (22, '"x,"', False),
        (23, "3,4", False),
        (24, '"y', True),
    ]


def test_the_text_of_a_chunk_is_looked_through_once_for_all_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    look_through = mock.Mock(return_value=True)
    monkeypatch.setattr(rows_module, "is_storable", look_through)
    content = b"1,2\n" * (3 * rows_module.BLOCK_LINES)
    rows = SourceRows(content, Dialect(delimiter=","), 2, HEADER, (0, 1), first_row=1, first_line=2)
    assert len([columns for _, columns in rows.blocks() if columns]) == 3
    assert "".join(call.args[0] for call in look_through.call_args_list) == content.decode()
