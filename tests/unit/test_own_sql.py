"""What a file with SQL of a dataset's own may hold."""

from pathlib import Path

import pytest

from pipeline.descriptions.own_sql import read_own_sql
from pipeline.errors import SettingsError

BOTH = "-- name: decide\nSELECT 0, 0;\n-- name: remove_unlisted\nSELECT 0;\n"


def read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.sql"
    path.write_text(text)
    read_own_sql(path)


def test_sections_stand_in_any_order_and_lines_are_told(tmp_path: Path) -> None:
    path = tmp_path / "x.sql"
    path.write_bytes(("\ufeff-- What it is.\r\n\r\n" + BOTH + "-- table: things\r\nCREATE TABLE things ();").encode())
    found = read_own_sql(path)
    assert list(found.tables) == ["things"]
    assert found.statements["remove_unlisted"].place() == f"{path} line 5, statement remove_unlisted"
    assert found.tables["things"].text.strip() == "CREATE TABLE things ()"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "x.sql: it lacks the statement decide; add it under a line `-- name: decide`"),
        ("-- name: decide\nSELECT 0, 0", "x.sql: it lacks the statement remove_unlisted; add it under"),
        ("-- why\n\nSELECT 1;\n" + BOTH, "x.sql line 3: SQL without a heading; write `-- name: decide`"),
        (
            BOTH + "-- name: list\nSELECT 1",
            "x.sql line 5, statement list: it is unknown; a dataset has the statements",
        ),
        (BOTH + "-- name: decide\nSELECT 1, 1", "x.sql line 5, statement decide: it stands twice; remove one"),
        (BOTH + "-- table: a\n-- nothing\n", "x.sql line 5, table a: it holds no SQL; write it below the heading"),
        (
            BOTH + "-- table: My Table\nSELECT 1",
            "table My Table: it has a name that is not in snake_case; give it another",
        ),
        (BOTH + "-- table: loads\nSELECT 1", "table loads: it is a table of the pipeline's own; give it another name"),
        (
            BOTH + "-- table: a\nSELECT 1; -- and\nCommit;",
            "table a: it has COMMIT, and is a part of a greater transaction",
        ),
        (BOTH.replace("SELECT 0;", "ROLLBACK; SELECT 0"), "statement remove_unlisted: it has ROLLBACK, and is a part"),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_remedy(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read(tmp_path, text)
    assert message in str(refused.value)
    assert str(refused.value).startswith(str(tmp_path / "x.sql"))


def test_words_within_texts_and_bodies_end_no_transaction(tmp_path: Path) -> None:
    read(tmp_path, BOTH + "-- table: a\nDO $$ BEGIN NULL; END $$; SELECT 'x; COMMIT';")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.sql").write_bytes(b"-- \xff")
    with pytest.raises(SettingsError, match=r"DATASETS_DIR: cannot read '.*x\.sql': not UTF-8; correct or remove"):
        read_own_sql(tmp_path / "x.sql")
    (tmp_path / "y.sql").mkdir()
    with pytest.raises(SettingsError, match=r"cannot read '.*y\.sql': Is a directory"):
        read_own_sql(tmp_path / "y.sql")
