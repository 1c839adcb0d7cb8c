"""A report that fails says where and why, and leaves the others written."""

from pathlib import Path

import pytest

from exporter import manifest
from exporter.report import PAGE
from pipeline.errors import TransientError
from pipeline.postgres.database import Database
from tests.conftest import PEOPLE, PLACES, Pipeline
from tests.integration.conftest import start_exporter, write_reports

NO_COLUMN = 'PostgreSQL error 42703 (UndefinedColumn): column "surname" does not exist'
JOINED = "-- Names,\n-- all of them\n\nSELECT given_name,\n    '日本' AS place, surname\nFROM people;\n"


FAILURES = [
    ("zz.csv.sql", JOINED, f"zz.csv.sql line 5, column 20: {NO_COLUMN}"),
    ("zz.json.sql", JOINED, f"zz.json.sql line 5, column 20: {NO_COLUMN}"),
    ("zz.csv.sql", JOINED.replace("\n", "\r\n"), f"zz.csv.sql line 5, column 20: {NO_COLUMN}"),
    ("zz.csv.sql", f"\ufeff{JOINED}", f"zz.csv.sql line 5, column 20: {NO_COLUMN}"),
    ("zz.csv.sql", "SELECT surname FROM people", f"zz.csv.sql line 1, column 8: {NO_COLUMN}"),
    (
        "zz.json.sql",
        "SELECT (1",
        "zz.json.sql line 1, column 10: PostgreSQL error 42601 (SyntaxError): syntax error at end of input",
    ),
    # In what follows, PostgreSQL's text can quote rows.
    ("zz.csv.sql", "SELECT 1 / 0", "zz.csv.sql: PostgreSQL error 22012 (DivisionByZero); PostgreSQL gives no position"),
    (
        "zz.csv.sql",
        "SELECT 1,\n 'Jean'::integer",
        "zz.csv.sql line 2, column 2: PostgreSQL error 22P02 (InvalidTextRepresentation)",
    ),
    (
        "zz.csv.sql",
        "SELECT given_name::integer FROM people",
        "zz.csv.sql: PostgreSQL error 22P02 (InvalidTextRepresentation); PostgreSQL gives no position",
    ),
    (
        "zz.json.sql",
        "SELECT given_name::json FROM people",
        "zz.json.sql: PostgreSQL error 22P02 (InvalidTextRepresentation); PostgreSQL gives no position",
    ),
]


def test_a_failure_names_the_report_the_position_and_the_reason_and_leaves_the_others_written(
    pipeline: Pipeline, output: Path, reports: Path
) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    others = [*sorted(output / path.stem for path in reports.iterdir()), output / PAGE]
    for number, (name, query, _) in enumerate(FAILURES):
        (reports / f"{number}{name}").write_text(query, encoding="utf-8", newline="")
    exported = write_reports(pipeline.database, output)
    assert exported is not None
    assert sorted(map(str, exported.failures)) == [
        f"{number}{failure}" for number, (_, _, failure) in enumerate(FAILURES)
    ]
    assert exported.files == others
    assert {path.name for path in output.iterdir()} == {manifest.NAME, *(path.name for path in others)}
    assert (output / "summary_output.json").read_text() == '{"Scotland":2,"Ireland":1,"Wales":1}'


def test_a_report_that_the_server_cancels_is_that_reports_failure(
    pipeline: Pipeline, output: Path, reports: Path
) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    with pipeline.database.transaction() as tx:
        tx.run(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %%I SET statement_timeout = 2000', current_database()); END $$"
        )
    (reports / "zz.csv.sql").write_text("SELECT pg_sleep(600)")
    exported = write_reports(Database(pipeline.services.database_url, "exporter"), output)
    assert exported is not None
    reason = "PostgreSQL error 57014 (QueryCanceled): canceling statement due to statement timeout"
    assert list(map(str, exported.failures)) == [f"zz.csv.sql: {reason}; PostgreSQL gives no position"]
    assert (output / "summary_output.json").read_text() == '{"Scotland":2,"Ireland":1,"Wales":1}'


def test_a_load_that_the_server_cancels_is_retried_and_says_why(pipeline: Pipeline) -> None:
    said = r"57014.*: canceling statement due to statement timeout$"
    with pytest.raises(TransientError, match=said), pipeline.database.transaction() as tx:
        tx.run("SET LOCAL statement_timeout = '10ms'; SELECT pg_sleep(600)")


def test_an_error_in_a_later_row_counts_as_well(pipeline: Pipeline, output: Path, no_reports: Path) -> None:
    (no_reports / "late.csv.sql").write_text("SELECT 1 / (3000 - n) FROM generate_series(1, 4000) AS n")
    exported = write_reports(pipeline.database, output)
    assert exported is not None
    assert list(map(str, exported.failures)) == [
        "late.csv.sql: PostgreSQL error 22012 (DivisionByZero); PostgreSQL gives no position"
    ]
    assert not (output / "late.csv").exists()


def test_a_report_that_fails_keeps_its_previous_file_and_is_not_up_to_date(
    pipeline: Pipeline, output: Path, no_reports: Path
) -> None:
    """All are written again as long as one fails; the file from before it failed is still the exporter's."""
    query = no_reports / "towns.csv.sql"
    (no_reports / "people.json.sql").write_text("SELECT count(*) FROM people")
    query.write_text("SELECT city FROM places ORDER BY 1 LIMIT 1")
    pipeline.load(places=PLACES, people=PEOPLE)
    write_reports(pipeline.database, output)
    query.write_text("SELECT town FROM places")
    pipeline.load(people=PEOPLE + "Ann,Kerr,1901-02-03,Ayr\n")
    for _ in range(2):
        exported = write_reports(pipeline.database, output)
        assert exported is not None
        assert exported.up_to_date_since is None
        assert exported.files == [output / "people.json", output / PAGE]
        assert (output / "people.json").read_text() == "5"
        assert (output / "towns.csv").read_text() == "city\nAyr\n"
    query.write_text("SELECT city FROM places ORDER BY 1 DESC LIMIT 1")
    write_reports(pipeline.database, output)
    assert {path.name: path.read_text() for path in output.iterdir() if path.name not in (manifest.NAME, PAGE)} == {
        "people.json": "5",
        "towns.csv": "city\nTenby\n",
    }


def test_the_exporter_lists_all_failures_and_exits_1(pipeline: Pipeline, output: Path, no_reports: Path) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    (no_reports / "a.json.sql").write_text("SELECT count(*) FROM people")
    write_reports(pipeline.database, output)
    (no_reports / "a.json.sql").write_text("SELECT surname FROM people")
    (no_reports / "b.csv.sql").write_text("SELECT count(*) AS people FROM people")
    (no_reports / "c.csv.sql").write_text('SELECT 1 AS "two\nlines" FROM "no\ntable"')
    exporter = start_exporter(pipeline.services, output)
    out, err = exporter.communicate(timeout=60)
    assert exporter.returncode == 1
    assert out.splitlines()[0] == f"wrote 1 report into {output}; {output}/report.html shows them on one page"
    assert (output / "b.csv").read_text() == "people\n4\n"
    first, second, last = err.splitlines()
    assert first.endswith(f"a.json.sql line 1, column 8: {NO_COLUMN}; {output / 'a.json'} is the one written before")
    missing = r'PostgreSQL error 42P01 (UndefinedTable): relation "no\ntable" does not exist'
    assert second.endswith(f"c.csv.sql line 2, column 13: {missing}; there is no {output / 'c.csv'}")
    assert last.startswith("error: 2 of 3 reports failed; the others are written")
