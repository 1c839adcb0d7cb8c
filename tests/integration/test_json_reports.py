"""JSON reports hold what PostgreSQL gives, byte for byte, and cost the exporter no memory."""

from pathlib import Path

import pytest

from exporter import manifest
from pipeline.postgres.sql_text import unterminated
from tests.conftest import Pipeline
from tests.integration.conftest import peak_memory, write_reports

ROWS_RULE = "a JSON report's query returns one row with one column"


VALUES = {
    """SELECT '{"b": 1.10, "a":  12345678901234567890, "a":1e2}'::json""": None,
    """SELECT '{"é": "\\u00e9 \\/ 😀"}'::json""": None,
    """SELECT '{"b":1.10,"a":[ ]}'::jsonb""": '{"a": [], "b": 1.10}',
    "SELECT 1.10::numeric": "1.10",
    "SELECT 'a \"quoted\" text'": '"a \\"quoted\\" text"',
    "SELECT DATE '1901-02-03'": '"1901-02-03"',
    "SELECT ARRAY[1, 2]": "[1,2]",
    "SELECT true": "true",
    "SELECT NULL": "null",
    "SELECT json_agg(1) FROM people": "null",
    "VALUES (1)": "1",
    "SELECT count(*) FROM people WHERE given_name LIKE '%s%' OR 5 % 2 = 0 OR given_name = '%(name)s'": "0",
    "SELECT format('%s %%', 'x') -- 100 %": '"x %"',
    "SELECT 'x;--' /* ; */ ;; -- the end; really\n/* and\nafter */ ": '"x;--"',
    "SELECT $a$;--$a$ || E'\\';--' || '\\' AS \";--\" -- x; --": '";--\';--\\\\"',
    "WITH report AS (SELECT 1 AS encoded) SELECT encoded FROM report;": "1",
}


def test_a_value_is_written_as_postgresql_gives_it(pipeline: Pipeline, output: Path, no_reports: Path) -> None:
    for number, query in enumerate(VALUES):
        (no_reports / f"{number}.json.sql").write_text(query, encoding="utf-8")
    exported = write_reports(pipeline.database, output)
    assert exported is not None
    assert list(map(str, exported.failures)) == []
    for number, (query, value) in enumerate(VALUES.items()):
        expected = query.split("'")[1] if value is None else value
        assert (output / f"{number}.json").read_bytes() == expected.encode(), query


def test_a_percent_sign_in_a_csv_report_is_one(pipeline: Pipeline, output: Path, no_reports: Path) -> None:
    (no_reports / "share.csv.sql").write_text("SELECT 5 % 3 AS \"%s\", 'a' LIKE '%a%' AS \"%(x)s\" -- %")
    write_reports(pipeline.database, output)
    assert (output / "share.csv").read_bytes() == b"%s,%(x)s\n2,t\n"


def test_another_number_of_rows_or_columns_is_an_error(pipeline: Pipeline, output: Path, no_reports: Path) -> None:
    wrong = [
        ("SELECT 1, 2", "2 columns"),
        ("SELECT 1 WHERE false", "no row"),
        ("SELECT generate_series(1, 3)", "more than one row"),
        ("SELECT repeat('x', 5000000) FROM generate_series(1, 2)", "more than one row"),
        ("SELECT", "0 columns"),
    ]
    for number, (query, _) in enumerate(wrong):
        (no_reports / f"{number}.json.sql").write_text(query)
    exported = write_reports(pipeline.database, output)
    assert exported is not None
    assert sorted(map(str, exported.failures)) == [
        f"{number}.json.sql: returns {what}; {ROWS_RULE}" for number, (_, what) in enumerate(wrong)
    ]
    assert [path.name for path in exported.files] == ["report.html"]
    assert not [path for path in output.glob("*.json") if path.name != manifest.NAME]


def test_a_value_of_any_length_is_written_whole(pipeline: Pipeline, output: Path, no_reports: Path) -> None:
    """Lengths around those of one piece and one fetch; a character of three bytes is cut by each kind of piece."""
    for length in (681, 682, 683, 684, 1_365_332, 1_365_333, 1_365_334):
        (no_reports / f"{length}.json.sql").write_text(f"SELECT repeat('€', {length})")
    write_reports(pipeline.database, output)
    for query in no_reports.iterdir():
        length = int(query.name.split(".")[0])
        assert (output / query.stem).read_bytes() == f'"{"€" * length}"'.encode()


def test_a_huge_value_costs_the_exporter_little_memory(pipeline: Pipeline, output: Path, no_reports: Path) -> None:
    """Of 40 MB, the exporter may take 32 MiB beyond what it has taken for a small value."""
    queries = [f"SELECT repeat('x', {characters})" for characters in (10, 40_000_000)]
    small, large = peak_memory(pipeline.services, no_reports, output, "huge.json", *queries)
    assert (output / "huge.json").stat().st_size == 40_000_000 + 2
    assert large - small < 32 * 1024**2


@pytest.mark.parametrize("query", ["", ";", "-- nothing\n", "/* nothing */ ;"])
def test_nothing_is_left_of_a_query_of_comments(query: str) -> None:
    assert unterminated(query) == ""
