"""The first pass over a file: what it plans, and what it refuses."""

import hashlib
from pathlib import Path

import pytest

from pipeline.datasets.people import People
from pipeline.errors import InputError
from producer import scan as module
from producer.scan import scan
from producer.sources import Source

HEADER = "given_name,family_name,date_of_birth,place_of_birth\n"


def source(folder: Path, content: str | bytes) -> Source:
    path = folder / "people.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return Source("people.csv", path, People)


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
    assert 7 <= len(plan.chunks) <= module.SMALL_FILE_CHUNKS + 1
    assert len(scan(source(tmp_path, HEADER + rows(module.SMALLEST_CHUNK)), None).chunks) == 1


def test_a_chunk_ends_at_its_limit_of_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK_BYTES", 100)
    plan = scan(source(tmp_path, HEADER + rows(100)), chunk_rows=50)
    assert {c.row_count for c in plan.chunks[:-1]} == {4}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("given_name,family_name\n", "line 1: column 'date_of_birth' is missing from the header"),
        (HEADER.replace("\n", ",given_name\n"), "line 1: column 'given_name' stands twice in the header"),
        (HEADER + rows(2) + 'Jean,"Kerr,1901-02-03,Ayr\n' + rows(3), 'line 4: a quote opens here and never closes'),
        (HEADER.encode() + rows(2).encode() + b"Ren\xe9,Kerr,1901-02-03,Ayr\n", "line 4: byte 0xe9 is not UTF-8"),
    ],
)  # fmt: skip
def test_a_file_broken_as_a_whole_is_refused_with_its_line(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(InputError) as refused:
        scan(source(tmp_path, content), chunk_rows=2)
    assert message in str(refused.value)
    assert "people.csv" in str(refused.value)
