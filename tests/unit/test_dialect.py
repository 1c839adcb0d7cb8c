"""Files in each dialect, from the first pass to the rows that a worker reads."""

import pytest

from pipeline.csv_text.dialect import Dialect
from pipeline.errors import InputError
from tests.unit.reading import letters, rows_of

AFTER_QUOTE = "row has text after a closing quote"
ESCAPED_END = "row has an escape character at the end of its line"
OPEN = "row has an open quote that the next lines do not close properly"
Found = tuple[int, tuple[str, ...] | str]  # line, and the fields or what is wrong


def read(body: str, dialect: Dialect, header: str = "a,b\n", width: int = 2) -> list[Found]:
    rows = rows_of(f"{header}{body}".encode(), 2, letters(width, dialect))
    assert [row.row_number for row in rows] == list(range(1, len(rows) + 1))
    return [(row.line, "; ".join(map(str, row.faults)) or row.fields) for row in rows]


@pytest.mark.parametrize("quote", ["'", ".", "^", "*", "\\", "|", "a", "\x1c"])
def test_any_ascii_character_may_quote(quote: str) -> None:
    body = '"x,""\ny,z",2\n3,"4"\n"5"z,6\n'.replace('"', quote)
    header = "A,b\n"
    assert read(body, Dialect(quote_char=quote), header) == [
        (2, (f"x,{quote}\ny,z", "2")),
        (4, ("3", "4")),
        (5, AFTER_QUOTE),
    ]


def test_without_a_quote_character_a_quote_is_text() -> None:
    assert read('"x,y"\n"",6"\n', Dialect(quote_char=None)) == [(2, ('"x', 'y"')), (3, ('""', '6"'))]


def test_an_escaped_character_is_text_within_quotes_and_outside() -> None:
    body = '\\"x\\,y,"1\\"2,\\\\"\n\\\\,\\x\n'
    assert read(body, Dialect(escape_char="\\")) == [(2, ('"x,y', '1"2,\\')), (3, ("\\", "x"))]


def test_an_escaped_quote_leaves_a_field_open_at_the_end_of_its_line() -> None:
    assert read('1,"2\\"\n3\\""\n', Dialect(escape_char="\\")) == [(2, ("1", '2"\n3"'))]


@pytest.mark.parametrize("quote", ['"', None])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_an_escape_character_before_a_line_end_costs_its_line_alone(end: str, quote: str | None) -> None:
    dialect = Dialect(quote_char=quote, escape_char="\\")
    body = f"1,2\\{end}3,4{end}5,\\{end}6,7\\\\{end}8,9\\"
    assert read(body, dialect, header=f"a,b{end}") == [
        (2, ESCAPED_END),
        (3, ("3", "4")),
        (4, ESCAPED_END),
        (5, ("6", "7\\")),
        (6, ESCAPED_END),
    ]


def test_an_escape_character_that_is_escaped_is_not_the_fault_of_a_row() -> None:
    assert read('"1"x,2\\\\\n', Dialect(escape_char="\\")) == [(2, AFTER_QUOTE)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_an_escaped_line_end_within_quotes_belongs_to_the_field(end: str) -> None:
    assert read(f'1,"2\\{end}3"{end}', Dialect(escape_char="\\"), header=f"a,b{end}") == [(2, ("1", f"2{end}3"))]


def test_a_row_of_several_lines_that_ends_with_an_escape_character_costs_its_first_line_alone() -> None:
    assert read('"1\n2,3\nx",4\\\n', Dialect(escape_char="\\")) == [(2, OPEN), (3, ("2", "3")), (4, ESCAPED_END)]


def test_without_doubled_quotes_a_second_quote_is_text_after_a_closing_one() -> None:
    dialect = Dialect(escape_char="\\", double_quote=False)
    body = '"","1"\n"2\\"",""\n"3""4",5\n"6"",7\n8,9\n'
    assert read(body, dialect) == [
        (2, ("", "1")),
        (3, ('2"', "")),
        (4, AFTER_QUOTE),
        (5, AFTER_QUOTE),
        (6, ("8", "9")),
    ]


@pytest.mark.parametrize("last", ['"5"6,7\n', '5""6"\n'])
def test_without_doubled_quotes_a_malformed_row_of_several_lines_costs_its_first_line_alone(last: str) -> None:
    assert read(f'1,"2\n3,4\n{last}', Dialect(double_quote=False))[:2] == [(2, OPEN), (3, ("3", "4"))]


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_spaces_after_a_delimiter_are_skipped_where_the_dialect_says_so(delimiter: str) -> None:
    body, header = '  "x,y",  2 \n3, \v4\n'.replace(",", delimiter), "a, b\n".replace(",", delimiter)
    assert read(body, Dialect(skip_initial_space=True), header) == [(2, (f"x{delimiter}y", "2 ")), (3, ("3", "\v4"))]
    assert read('1, "2"\n', Dialect()) == [(2, ("1", ' "2"'))]


def test_several_spaces_are_one_delimiter_where_spaces_are_skipped() -> None:
    assert read('1   2\n 3 "4 5"\n', Dialect(" ", skip_initial_space=True), "a  b\n") == [
        (2, ("1", "2")),
        (3, ("3", "4 5")),
    ]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("named", ["", "sep=;\n"])
@pytest.mark.parametrize("top", ["", "\n  \n", "# x;y\n\n"])
def test_without_a_header_the_first_line_is_row_1(mark: str, named: str, top: str) -> None:
    dialect = Dialect(header=False, comment_char="#")
    line = 1 + f"{named}{top}".count("\n")
    found = read(f"{mark}{named}{top}1;2\n\n3;4\n5\n", dialect, header="")
    assert found == [(line, ("1", "2")), (line + 2, ("3", "4")), (line + 3, "row has 1 field, expected 2")]


def test_without_a_header_the_delimiter_is_one_that_makes_as_many_fields_as_there_are_columns() -> None:
    assert read("1,5;2,5\n", Dialect(header=False), header="") == [(1, ("1,5", "2,5"))]
    assert read("1,2,3|4|5|6|7\n", Dialect(header=False), header="") == [(1, "row has 5 fields, expected 2")]
    assert read('"x\ny";2\n', Dialect(header=False), header="") == [(1, ("x\ny", "2"))]


def test_without_a_header_the_first_line_may_be_malformed() -> None:
    assert read('1,"2\n3,"4"x\n5,6\n', Dialect(header=False), header="") == [
        (1, OPEN),
        (2, AFTER_QUOTE),
        (3, ("5", "6")),
    ]


@pytest.mark.parametrize("content", ["", "\ufeff", "\n \n", "sep=;\n"])
def test_an_empty_file_without_a_header_has_no_rows(content: str) -> None:
    assert read(content, Dialect(header=False), header="") == []


def test_a_line_of_delimiters_is_row_1_of_a_file_without_a_header() -> None:
    assert read("\t\n \n1\t2\n", Dialect("\t", header=False), header="") == [(1, ("", "")), (3, ("1", "2"))]


def test_comments_are_no_rows_and_open_no_quotes() -> None:
    body = '#1,2\n1,2\n#,"\n3,4\n#"\n##\n"5",6\n'
    assert read(body, Dialect(comment_char="#")) == [(3, ("1", "2")), (5, ("3", "4")), (8, ("5", "6"))]


def test_a_line_of_a_quoted_field_is_no_comment() -> None:
    assert read('1,"2\n#3\n#"\n', Dialect(comment_char="#")) == [(2, ("1", "2\n#3\n#"))]


def test_a_comment_among_the_lines_of_a_malformed_row_begins_no_row() -> None:
    dialect = Dialect(comment_char="#")
    assert read('1,2,"x\n#","\n3,4\n5"\n', dialect) == [(2, OPEN), (4, ("3", "4")), (5, "row has 1 field, expected 2")]
    assert read('1,"x\n#"y,"\n3,4\n', dialect) == [(2, OPEN), (4, ("3", "4"))]


def test_only_the_beginning_of_a_line_makes_a_comment() -> None:
    body = ' #1,2\n"#3",4\n\\#5,#6\n'
    found = read(body, Dialect(comment_char="#", escape_char="\\", skip_initial_space=True))
    assert found == [(2, ("#1", "2")), (3, ("#3", "4")), (4, ("#5", "#6"))]


def test_comments_may_stand_above_the_header() -> None:
    assert read("1,2\n", Dialect(comment_char="#"), '#x;y;z\n\n#"\na,b\n') == [(5, ("1", "2"))]


def test_a_blank_line_has_none_of_the_characters_of_its_dialect() -> None:
    assert read("\t\n  \n \t\n", Dialect("\t"), "a\tb\n") == [(2, ("", "")), (4, (" ", ""))]
    assert read("\t\t\n \n", Dialect(",", quote_char="\t"), "a\n", width=1) == [(2, ("",))]


def test_the_line_sep_of_a_file_wins_over_the_delimiter_that_is_given() -> None:
    assert read("1;2\n", Dialect(","), "sep=;\na;b\n") == [(3, ("1", "2"))]


def test_a_delimiter_that_is_given_is_not_found_out() -> None:
    assert read("1^2\n", Dialect("^"), "a^b^c,d,e,f\n") == [(2, "row has 2 fields, expected 3")]


def test_a_character_with_another_meaning_is_not_found_out_to_be_the_delimiter() -> None:
    assert read("1;2;3\n", Dialect(comment_char="|"), "a;b;x|y|z|\n") == [(2, ("1", "2"))]


def test_a_line_sep_names_no_character_with_another_meaning() -> None:
    with pytest.raises(InputError, match=r"line 1: column 'a' is missing from the header, which has 'sep='"):
        read("1^2\n", Dialect("^", escape_char="^"), "sep=^\na^b\n")
