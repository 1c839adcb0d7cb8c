"""The first pass over a file: what it plans, and what it refuses."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.csv_text import records as records_module
from pipeline.csv_text.dialect import Dialect
from pipeline.csv_text.records import LineFields
from pipeline.errors import InputError
from pipeline.ledger.load import LoadPlan
from producer import chunk_limits
from producer import scan as module
from producer.header import log_ignored_columns
from producer.sources import Source
from tests.unit.reading import PEOPLE

HEADER = "given_name,family_name,date_of_birth,place_of_birth\n"


def source(folder: Path, content: str | bytes) -> Source:
    path = folder / "people.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return Source("people.csv", path, PEOPLE)


def scan(source: Source, chunk_rows: int | None, dialect: Dialect = PEOPLE.dialect) -> LoadPlan:
    described = replace(source, dataset=replace(source.dataset, dialect=dialect))
    with Path(str(source.path)).open("rb") as file:
        return module.scan(described, file, chunk_rows)


def rows(number: int) -> str:
    return "".join(f"Jean,Kerr,1901-02-03,Ayr{i}\n" for i in range(number))


def test_the_chunks_are_the_file_cut_at_rows(tmp_path: Path) -> None:
    content = HEADER + rows(7)
    plan = scan(source(tmp_path, content), chunk_rows=3)
    assert [(c.number, c.first_row, c.row_count, c.first_line) for c in plan.chunks] == [
        (1, 1, 3, 2),
        (2, 4, 3, 5),
        (3, 7, 1, 8),
    ]
    parts = [content.encode()[c.byte_offset : c.byte_offset + c.byte_count] for c in plan.chunks]
    assert HEADER.encode() + b"".join(parts) == content.encode()
    assert [c.sha256 for c in plan.chunks] == [hashlib.sha256(part).hexdigest() for part in parts]
    assert plan.sha256 == hashlib.sha256(content.encode()).hexdigest()
    assert plan.row_count == 7
    assert plan.columns == ("given_name", "family_name", "date_of_birth", "place_of_birth")


def test_rows_that_end_exactly_with_a_chunk_make_no_empty_chunk(tmp_path: Path) -> None:
    assert [c.row_count for c in scan(source(tmp_path, HEADER + rows(6)), 3).chunks] == [3, 3]


def test_a_file_without_rows_has_one_empty_chunk(tmp_path: Path) -> None:
    [chunk] = scan(source(tmp_path, HEADER), 3).chunks
    assert (chunk.number, chunk.first_row, chunk.row_count, chunk.byte_count) == (1, 1, 0, 0)


def test_a_quoted_newline_keeps_its_row_in_one_chunk(tmp_path: Path) -> None:
    content = HEADER + 'Jean,"Kerr,\nthe ""elder""\n",1901-02-03,Ayr\n' + rows(1)
    plan = scan(source(tmp_path, content), chunk_rows=1)
    assert [(c.first_row, c.first_line, c.row_count) for c in plan.chunks] == [(1, 2, 1), (2, 5, 1)]


def test_a_quote_inside_an_unquoted_field_opens_nothing(tmp_path: Path) -> None:
    plan = scan(source(tmp_path, HEADER + '6" Jean,Kerr,1901-02-03,Ayr\n' + rows(2)), chunk_rows=1)
    assert [c.first_line for c in plan.chunks] == [2, 3, 4]


def test_blank_lines_are_no_rows(tmp_path: Path) -> None:
    plan = scan(source(tmp_path, HEADER + "\n" + rows(1) + "  \n" + rows(1) + "\n"), chunk_rows=10)
    assert [(c.row_count, c.first_line) for c in plan.chunks] == [(2, 2)]


def test_a_missing_last_newline_loses_no_row(tmp_path: Path) -> None:
    assert scan(source(tmp_path, (HEADER + rows(2)).rstrip("\n")), 10).row_count == 2


def test_a_small_file_is_cut_so_that_workers_have_something_to_share(tmp_path: Path) -> None:
    plan = scan(source(tmp_path, HEADER + rows(10_000)), chunk_rows=None)
    assert 7 <= len(plan.chunks) <= chunk_limits.SMALL_FILE_CHUNKS + 1
    assert len(scan(source(tmp_path, HEADER + rows(chunk_limits.SMALLEST_CHUNK)), None).chunks) == 1


def test_a_chunk_ends_at_its_limit_of_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk_limits, "CHUNK_BYTES", 100)
    plan = scan(source(tmp_path, HEADER + rows(100)), chunk_rows=50)
    assert {c.row_count for c in plan.chunks[:-1]} == {4}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_byte_order_mark_make_no_difference(tmp_path: Path, end: str, mark: bytes) -> None:
    content = mark + (HEADER + rows(5) + '"Jean\n",Kerr,1901-02-03,Ayr\n').replace("\n", end).encode()
    plan = scan(source(tmp_path, content), chunk_rows=2)
    assert [(c.first_row, c.row_count, c.first_line) for c in plan.chunks] == [(1, 2, 2), (3, 2, 4), (5, 2, 6)]
    parts = [content[c.byte_offset : c.byte_offset + c.byte_count] for c in plan.chunks]
    assert content.endswith(b"".join(parts))
    assert plan.columns == ("given_name", "family_name", "date_of_birth", "place_of_birth")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_header_shows_the_delimiter(tmp_path: Path, delimiter: str) -> None:
    content = HEADER.replace(",", delimiter) + f'"J,;\t|"{delimiter}Kerr{delimiter}1901-02-03{delimiter}Ayr\n'
    plan = scan(source(tmp_path, content), chunk_rows=2)
    assert (plan.delimiter, plan.row_count) == (delimiter, 1)
    assert plan.columns == ("given_name", "family_name", "date_of_birth", "place_of_birth")


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize(
    ("line", "delimiter"),
    [("sep=;\n", ";"), ("SEP=,\r\n", ","), ('"sep=|"\n', "|"), ("sep=\t\r", "\t"), ("sep=^\n", "^"), ("Sep= \n", " ")],
)
def test_a_first_line_may_name_the_delimiter(tmp_path: Path, mark: bytes, line: str, delimiter: str) -> None:
    content = mark + (line + (HEADER.replace("\n", ",note,a;b;c\n") + rows(1)).replace(",", delimiter)).encode()
    plan = scan(source(tmp_path, content), 2)
    assert plan.delimiter == delimiter
    assert plan.columns[:5] == ("given_name", "family_name", "date_of_birth", "place_of_birth", "note")
    assert [(c.first_row, c.row_count, c.first_line) for c in plan.chunks] == [(1, 1, 3)]
    assert content[plan.chunks[0].byte_offset :] == rows(1).replace(",", delimiter).encode()
    assert plan.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    "line", ["sep=\n", "sep=a\n", "sep=1\n", 'sep="\n', "sep=;;\n", "sep=\0\n", "sep=é\n", "\nsep=;\n"]
)
def test_any_other_first_line_names_no_delimiter(tmp_path: Path, line: str) -> None:
    with pytest.raises(InputError, match=r"column 'given_name' is missing from the header"):
        scan(source(tmp_path, line + HEADER.replace(",", ";")), 2)


def test_a_quoted_name_in_the_header_may_hold_delimiters_and_line_ends(tmp_path: Path) -> None:
    content = '\ufeff"Note,\nlong";"a,b,c,d"' + (",".join(["", HEADER]) + rows(2)).replace(",", ";")
    plan = scan(source(tmp_path, content), 2)
    assert plan.columns[:3] == ("note,\nlong", "a,b,c,d", "given_name")
    assert [(c.first_line, c.row_count) for c in plan.chunks] == [(3, 2)]


def test_a_stray_quote_costs_its_own_line_alone(tmp_path: Path) -> None:
    content = HEADER + rows(2) + 'Jean,"Kerr,1901-02-03,Ayr\n' + rows(55) + '"Jean",Kerr,1901-02-03,Ayr\n'
    plan = scan(source(tmp_path, content), 20)
    assert [(c.first_line, c.row_count) for c in plan.chunks] == [(2, 20), (22, 20), (42, 19)]


@pytest.mark.parametrize("dialect", [Dialect(), Dialect(escape_char="\\", double_quote=False, comment_char="#")])
def test_no_line_is_read_more_than_a_few_times_however_many_quotes_are_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dialect: Dialect
) -> None:
    """Each line opens a quoted field that goes on to the last one, so each could be the first of a record."""
    line_reader, reads = records_module.line_reader, 0

    def counting_reader(dialect: Dialect) -> Callable[[str], LineFields]:
        line_fields = line_reader(dialect)

        def counted(line: str) -> LineFields:
            nonlocal reads
            reads += 1
            return line_fields(line)

        return counted

    monkeypatch.setattr(records_module, "line_reader", counting_reader)
    # Where the last line closes the quote, it ends a row of four fields that begins three lines before.
    for end, row_count in (('"x"y\n', 30_003), ('"\n', 30_003 - 3 * 3)):
        reads = 0
        plan = scan(source(tmp_path, HEADER + ('a","b\n' * 10_000 + end) * 3), None, dialect)
        assert plan.row_count == row_count
        assert reads < 4 * row_count


def test_header_case_spaces_and_order_make_no_difference_and_other_columns_are_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    people = source(tmp_path, "Place_Of_Birth , note,DATE_OF_BIRTH,family_name, given_name,\n")
    plan = scan(people, 2)
    with caplog.at_level("INFO"):
        log_ignored_columns(people, plan.columns)
    assert plan.columns == ("place_of_birth", "note", "date_of_birth", "family_name", "given_name", "")
    assert caplog.messages == ["people.csv: columns that are ignored: 'note', column 6, which has no name"]


def test_blank_lines_above_the_header_are_no_header(tmp_path: Path) -> None:
    [chunk] = scan(source(tmp_path, "\n  \n" + HEADER + rows(1)), 2).chunks
    assert (chunk.first_line, chunk.row_count) == (4, 1)


def test_blocks_of_the_file_may_end_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = HEADER.replace("\n", "\r\n") + 'Jean,"Kerr\r\n""x""",1901-02-03,Ayr\r\n' * 20 + "\r\n"
    whole = scan(source(tmp_path, content), 3)
    for size in range(1, 40):
        monkeypatch.setattr("pipeline.csv_text.records.BLOCK", size)
        assert scan(source(tmp_path, content), 3) == whole


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("\ufeff\n \n", "the file is empty"),
        ("\ngiven_name,family_name\n", "line 2: column 'date_of_birth' is missing from the header"),
        (HEADER.replace("\n", ",given_name\n"), "line 1: column 'given_name' stands twice in the header"),
        (HEADER + rows(2) + 'Jean,"Kerr\n' + rows(3), "line 4: a quote opens here and does not close until the end"),
        (HEADER + rows(2) + 'Jean,"' + rows(2) * 2**16, "line 4: a quote opens here and does not close within 1048576"),
        (HEADER + rows(2) + f"Jean,{'x' * 2**21}\n", "line 4: the row is longer than 1048576 bytes"),
        (
            HEADER.replace("name,f", 'name,"f') + rows(2) * 2**16,
            "line 1: a quote opens here and does not close within 1048576",
        ),
        (HEADER.replace("\n", ',"note\n') + 'long"x\n', "line 1: a quote opens here and does not close properly"),
        (HEADER.replace(",", "x" * 2**21), "line 1: the row is longer than 1048576 bytes; correct the header"),
        (HEADER.encode("utf-16"), "line 1: the file is UTF-16, not UTF-8; name it with --encoding utf-16"),
    ],
)
def test_a_file_broken_as_a_whole_is_refused_with_its_line(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(InputError) as refused:
        scan(source(tmp_path, content), chunk_rows=2)
    assert message in str(refused.value)
    assert "people.csv" in str(refused.value)


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (HEADER, "the delimiter of the description is ';', and here it seems to be ','"),
        ("größe;x\n".encode("latin-1"), "it has bytes that are not UTF-8: name the encoding of the file, such as"),
    ],
)
def test_a_header_that_does_not_match_says_the_likely_cause(tmp_path: Path, content: str | bytes, cause: str) -> None:
    with pytest.raises(InputError, match="is missing from the header.*; " + cause):
        scan(source(tmp_path, content), None, Dialect(delimiter=";"))


def test_a_header_without_a_column_says_which_columns_it_has(tmp_path: Path) -> None:
    people = source(tmp_path, "first,last,born\nJean,Kerr,1901-02-03\n")
    with pytest.raises(InputError) as refused:
        scan(people, None)
    assert str(refused.value) == (
        f"{people.path} line 1: column 'given_name' is missing from the header, which has 'first', 'last', 'born';"
        " a file of people needs given_name, family_name, date_of_birth, place_of_birth"
    )
