"""Which reports are written: those of the datasets that there are, and the user's own from REPORTS_DIR."""

import json
from pathlib import Path
from typing import Any

import pytest

from exporter.export import export
from exporter.report import find_reports, log_without_tables
from pipeline.descriptions.package import OWN_PACKAGE
from pipeline.errors import SettingsError
from pipeline.tables.described import bring_up_to_date, wanted_tables
from tests.conftest import PEOPLE, PLACES, Pipeline

TEMPLATE = "with_schema"  # tables of datasets are made by the tests
NO_TABLE = "of which the database has no table"
OF_EVERY_DATASET = ["loads.csv", "rejected_rows.csv", "report.html"]
OF_PEOPLE = [
    "births_by_decade_and_country.json",
    "people_by_county.csv",
    "people_recorded_more_than_once.csv",
    "summary_output.json",
]


def describe(pipeline: Pipeline, *resources: dict[str, Any]) -> None:
    (pipeline.data / "datapackage.json").write_text(json.dumps({"resources": resources}))


def resource(name: str, *fields: str) -> dict[str, Any]:
    return {"name": name, "path": f"{name}.csv", "schema": {"fields": [{"name": field} for field in fields]}}


def written(pipeline: Pipeline, output: Path, own: Path | None = None) -> list[str]:
    exported = export(pipeline.database, find_reports(output, pipeline.data, own), output)
    assert exported is not None
    assert exported.failures == []
    names = sorted(path.name for path in output.iterdir() if not path.name.startswith("."))
    assert sorted(path.name for path in exported.files) == names
    return names


def make_tables(pipeline: Pipeline) -> None:
    bring_up_to_date(pipeline.database, wanted_tables(pipeline.data))


def test_reports_about_people_are_for_databases_that_have_people(pipeline: Pipeline, output: Path) -> None:
    describe(pipeline, resource("orders", "number"))
    make_tables(pipeline)
    pipeline.load(orders="number\n1\n")
    assert written(pipeline, output) == OF_EVERY_DATASET


def test_reports_about_people_are_for_folders_that_have_people(pipeline: Pipeline, output: Path) -> None:
    make_tables(pipeline)
    pipeline.load(places=PLACES, people=PEOPLE)
    assert written(pipeline, output) == sorted(OF_PEOPLE + OF_EVERY_DATASET)
    for report in output.iterdir():
        report.unlink()
    for source in ("places", "people"):
        (pipeline.data / f"{source}.csv").unlink()
    describe(pipeline, resource("orders", "number"))
    make_tables(pipeline)
    pipeline.write(orders="number\n1\n")
    pipeline.produce()
    pipeline.take_and_load()
    assert written(pipeline, output) == OF_EVERY_DATASET


def test_reports_about_people_are_for_people_as_the_project_describes_them(pipeline: Pipeline, output: Path) -> None:
    describe(pipeline, resource("people", "name", "age"), resource("places", "name"))
    with pipeline.database.transaction() as tx:
        tx.run("DROP TABLE people, places, counties, countries")
    make_tables(pipeline)
    pipeline.load(people="name,age\nJean,5\n")
    assert written(pipeline, output) == OF_EVERY_DATASET


def test_a_longer_description_of_people_keeps_their_reports(pipeline: Pipeline, output: Path) -> None:
    package = json.loads(OWN_PACKAGE.read_text(encoding="utf-8"))
    package["resources"][1]["schema"]["fields"].append({"name": "note"})
    describe(pipeline, *package["resources"], resource("orders", "number"))
    make_tables(pipeline)
    pipeline.load(places=PLACES, people=PEOPLE.replace("\n", ",\n").replace("birth,\n", "birth,note\n"))
    assert written(pipeline, output) == sorted(OF_PEOPLE + OF_EVERY_DATASET)
    assert (output / "summary_output.json").read_text() == '{"Scotland":2,"Ireland":1,"Wales":1}'


def test_reports_about_people_are_written_where_other_tables_have_a_schema_of_their_own(
    pipeline: Pipeline, output: Path
) -> None:
    bring_up_to_date(pipeline.database, wanted_tables(pipeline.data, "mine"))
    pipeline.load(places=PLACES, people=PEOPLE)
    assert written(pipeline, output) == sorted(OF_PEOPLE + OF_EVERY_DATASET)


def test_a_folder_of_the_user_s_adds_reports(pipeline: Pipeline, output: Path, own: Path) -> None:
    describe(pipeline, resource("orders", "number"))
    make_tables(pipeline)
    pipeline.load(orders="number\n1\n")
    (own / "orders_sum.csv.sql").write_text("-- What they come to.\n-- datasets: orders\nSELECT count(*) FROM orders")
    (own / "tables.csv.sql").write_text("SELECT name FROM datasets")
    (own / "stock.csv.sql").write_text("-- datasets: orders, goods\nSELECT * FROM goods")
    (own / "notes.txt").write_text("no report")
    assert written(pipeline, output, own) == sorted([*OF_EVERY_DATASET, "orders_sum.csv", "tables.csv"])
    assert (output / "orders_sum.csv").read_text() == "count\n1\n"


def test_a_report_of_the_user_s_that_is_left_out_is_named(
    pipeline: Pipeline, output: Path, own: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "exporter")
    (own / "sales.csv.sql").write_text("-- datasets: peeple, people\nSELECT 1 AS x")
    (own / "all.csv.sql").write_text("-- datasets: people\nSELECT 1 AS x")
    with pipeline.database.transaction() as tx:
        log_without_tables(tx, find_reports(output, pipeline.data, own))
    left_out = "report sales.csv.sql is not written: its line `-- datasets:` names peeple"
    assert caplog.messages == [
        f"report all.csv.sql is not written: its line `-- datasets:` names people, {NO_TABLE}",
        f"{left_out}, people, {NO_TABLE}",
    ]
    caplog.clear()
    make_tables(pipeline)
    with pipeline.database.transaction() as tx:
        log_without_tables(tx, find_reports(output, pipeline.data, own))
    assert caplog.messages == [f"{left_out}, {NO_TABLE}"]
    caplog.clear()
    describe(pipeline, resource("people", "name"))
    find_reports(output, pipeline.data, own, logs_left_out=True)
    assert caplog.messages == [f"{left_out}, which {pipeline.data / 'datapackage.json'} does not describe"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("loads.csv.sql", "report loads.csv.sql: another report has this name; rename it"),
        ("Loads.csv.sql", "report Loads.csv.sql: differs from loads.csv.sql only in case; rename one of them"),
        ("zz.sql", "report zz.sql: a report is called NAME.json.sql or NAME.csv.sql; rename it"),
        ("people.csv.sql", "report people.csv.sql: 'people.csv' would be read as a file of people; rename the report"),
    ],
)
def test_a_report_of_the_user_s_that_cannot_be_written_is_refused(
    tmp_path: Path, own: Path, name: str, message: str
) -> None:
    (own / name).write_text("SELECT 1")
    with pytest.raises(SettingsError) as refused:
        find_reports(tmp_path, tmp_path / "elsewhere", own)
    assert str(refused.value) == message


def test_a_folder_of_reports_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"REPORTS_DIR: cannot read folder '.*none': No such file or directory; .* --reports"
    ):
        find_reports(tmp_path, tmp_path, tmp_path / "none")
