"""The worked example of docs/extending.md, with the command that it names."""

import json
import re
from pathlib import Path

import pytest

from pipeline import PROJECT
from pipeline.descriptions.package import OWN_PACKAGE
from pipeline.postgres.schema import SCHEMA
from tests.conftest import Commands, Pipeline
from tests.marriages import EXAMPLES, HEADER, MARRIAGES, REPORT, SQL, TEXT, write_package, write_sql

TEMPLATE = "with_schema"  # the run makes the tables
CODE = ("exporter", "inspection", "pipeline", "producer", "worker")


def test_a_run_fills_the_tables_of_the_sql(commands: Commands, pipeline: Pipeline, tmp_path: Path) -> None:
    write_package(pipeline.data)
    pipeline.write(marriages=MARRIAGES)
    folder = write_sql(tmp_path / "datasets")
    run = ("pipeline", "run", "--data", str(pipeline.data), "--datasets")
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / "marriages_by_place.csv.sql").write_text(REPORT, encoding="utf-8")
    (reports / "summary_output.json.sql").write_text("SELECT 1")
    ended = commands.run(*run, str(folder), "--reports", str(reports))
    assert ended.returncode == 0, ended.stderr
    assert (pipeline.data / "marriages_by_place.csv").read_text() == "place,marriages\nAyr,2\nOban,1\n"
    written = {"loads.csv", "marriages_by_place.csv", "rejected_rows.csv", "report.html", "summary_output.json"}
    names = {"datapackage.json", "marriages.csv", *written}
    assert {path.name for path in pipeline.data.iterdir() if not path.name.startswith(".")} == names
    assert "marriages.csv: 3 rows = 3 inserted + 0 updated + 0 unchanged + 0 rejected; 0 deleted" in ended.stdout
    counts = "SELECT (SELECT count(*) FROM marriages), (SELECT count(*) FROM marriage_places)"
    assert pipeline.rows(counts) == [(3, 2)]

    pipeline.write(marriages=MARRIAGES + "Eve Hay,Ian Roy,1880-05-05,Wick\n")
    write_sql(folder, SQL.replace("SELECT DISTINCT place", "SELECT DISTINCT plaice"))
    broken = commands.run(*run, str(folder))
    assert broken.returncode == 1
    assert f"{folder}/marriages.sql line 20, statement decide: " in broken.stderr.splitlines()[-1]
    assert broken.stderr.splitlines()[-1].endswith("correct the file, run it again")
    assert pipeline.rows(counts) == [(3, 2)]
    write_sql(folder)
    ended = commands.run(*run, str(folder))
    assert ended.returncode == 0, ended.stderr
    assert pipeline.rows(counts) == [(4, 3)]

    pipeline.write(marriages=HEADER)
    refused = commands.run("pipeline", "forget", "marriages.csv")
    assert refused.returncode == 2
    assert "name the same DATASETS_DIR as for `pipeline schema`" in refused.stderr
    forgotten = commands.run("pipeline", "forget", "marriages.csv", DATASETS_DIR=str(folder))
    assert forgotten.stdout == "marriages.csv: forgotten, 4 rows of marriages removed\n"


def test_the_dataset_that_the_page_shows_is_the_project_s_own() -> None:
    own = json.loads(OWN_PACKAGE.read_text(encoding="utf-8"))["resources"]
    assert [resource for resource in own if resource["name"] == "examples"] == [json.loads(EXAMPLES)]


@pytest.mark.parametrize("link", re.findall(r"\]\((?!https:)([^)#]+)", TEXT))
def test_links_lead_to_files(link: str) -> None:
    assert (PROJECT / "docs" / link).exists()


def test_nothing_but_its_description_names_examples() -> None:
    """Adding a dataset touches no Python."""
    files = [path for folder in CODE for pattern in ("*.py", "*.sql") for path in (PROJECT / folder).rglob(pattern)]
    named = re.compile(r"['\"]examples['\"]|\b(FROM|INTO|JOIN|UPDATE|ON|TABLE) examples\b")
    naming = [path for path in [*files, SCHEMA] if named.search(path.read_text(encoding="utf-8"))]
    assert naming == []
