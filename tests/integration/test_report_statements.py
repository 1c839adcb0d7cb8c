"""A report is one SELECT: nothing else is run, and nothing is ever written by it."""

from pathlib import Path

import pytest

from exporter.report import find_reports
from pipeline.errors import QueryError, SettingsError
from pipeline.postgres.database import Database
from tests.conftest import PEOPLE, PLACES, Pipeline
from tests.integration.conftest import write_reports

DELETES = "SELECT 1 AS a; COMMIT; DELETE FROM people WHERE row_number < 5000"


@pytest.mark.parametrize(
    "query",
    [
        DELETES,
        "SELECT 1 AS a; SELECT 2 AS b",
        "SELECT ';' AS a -- ;\n; /* ; */ SELECT 2",
        "SELECT $$;$$;VALUES (1);",
        "SELECT E'\\';' AS a;\nSELECT 2",
    ],
)
@pytest.mark.parametrize("name", ["two.csv.sql", "two.json.sql"])
def test_a_report_with_several_statements_is_refused(tmp_path: Path, no_reports: Path, name: str, query: str) -> None:
    (no_reports / name).write_text(query)
    with pytest.raises(SettingsError, match=rf"report {name} line \d: a second statement begins here") as refused:
        find_reports(tmp_path, tmp_path)
    assert refused.value.exit_code == 2


@pytest.mark.parametrize("query", ["DELETE FROM people", "-- all\nDROP TABLE people;", "", "-- nothing\n;"])
def test_a_report_that_is_no_select_is_refused(tmp_path: Path, no_reports: Path, query: str) -> None:
    (no_reports / "people_gone.csv.sql").write_text(query)
    with pytest.raises(SettingsError, match=r"report people_gone\.csv\.sql: a report is one SELECT"):
        find_reports(tmp_path, tmp_path)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1;",
        "select ';' -- ;\n;;\n/* the end; really */",
        "WITH one AS (SELECT 1) TABLE one",
        "(SELECT 1)",
        "VALUES (1)",
        "TABLE people",
    ],
)
def test_one_statement_is_taken_in_every_form(tmp_path: Path, no_reports: Path, query: str) -> None:
    (no_reports / "one.csv.sql").write_text(query)
    assert [report.query for report in find_reports(tmp_path, tmp_path)] == [query]


def test_a_commit_inside_a_query_lets_it_write_nothing(pipeline: Pipeline) -> None:
    """Should a second statement ever pass unseen."""
    pipeline.load(places=PLACES, people=PEOPLE)
    exporter = Database(pipeline.services.database_url, "tests", read_only=True)
    for snapshot in (True, False):
        with (
            pytest.raises(QueryError, match="25006"),
            exporter.transaction(snapshot=snapshot) as tx,
        ):
            tx.columns(DELETES)
    assert len(pipeline.people()) == 4


def test_a_query_that_locks_rows_is_an_error_of_that_report(pipeline: Pipeline, output: Path, no_reports: Path) -> None:
    """PostgreSQL's 25006 elsewhere says that the server takes no writes for now, and is retried for a minute."""
    pipeline.load(places=PLACES, people=PEOPLE)
    (no_reports / "locked.csv.sql").write_text("SELECT * FROM people LIMIT 1 FOR UPDATE")
    (no_reports / "count.json.sql").write_text("SELECT count(*) FROM people")
    exported = write_reports(pipeline.database, output)
    assert exported is not None
    [failure] = map(str, exported.failures)
    assert failure.startswith("locked.csv.sql: PostgreSQL error 25006 (ReadOnlySqlTransaction): cannot execute SELECT")
    assert exported.files == [output / "count.json", output / "report.html"]
