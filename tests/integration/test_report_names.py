"""What a report may be called, and what becomes of a file that is already there."""

import json
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from unittest import mock

import pytest

from exporter import manifest
from exporter.export import export
from exporter.report import PAGE, check_sources, find_reports
from pipeline.errors import SettingsError
from pipeline.tables.described import bring_up_to_date, wanted_tables
from tests.conftest import PLACES, Pipeline
from tests.integration.conftest import start_exporter, write_reports


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("people.csv.sql", "'people.csv' would be read as a file of people; rename the report"),
        ("people-by-decade.csv.sql", "'people-by-decade.csv' would be read as a file of people; rename the report"),
        ("People.csv.sql", "'People.csv' would be read as a file of people; rename the report"),
        ("places.csv.sql", "'places.csv' would be read as a file of places; rename the report"),
        ("zz.xml.sql", "a report is called NAME.json.sql or NAME.csv.sql; rename it"),
        ("zz.sql", "a report is called NAME.json.sql or NAME.csv.sql; rename it"),
        (".csv.sql", "a report is called NAME.json.sql or NAME.csv.sql; rename it"),
        (".reports.json.sql", "a report is called NAME.json.sql or NAME.csv.sql; rename it"),
        ("Loads.csv.sql", "rename one of them"),
    ],
)
def test_a_report_that_would_overwrite_something_is_refused_before_anything_is_asked(
    tmp_path: Path, own: Path, name: str, message: str
) -> None:
    (own / name).write_text("SELECT 1")
    with pytest.raises(SettingsError) as refused:
        find_reports(tmp_path, tmp_path / "elsewhere", own)
    assert name in str(refused.value)
    assert message in str(refused.value)
    assert refused.value.exit_code == 2


@pytest.mark.parametrize("name", ["loads", "rejected_rows"])
def test_a_file_with_the_name_of_a_shipped_report_needs_another_output_folder(
    pipeline: Pipeline, output: Path, name: str
) -> None:
    resource = {"name": name, "path": f"{name}.csv", "pipeline:table": "t", "schema": {"fields": [{"name": "id"}]}}
    (pipeline.data / "datapackage.json").write_text(json.dumps({"resources": [resource]}))
    with pytest.raises(SettingsError) as refused:
        find_reports(pipeline.data, pipeline.data)
    assert str(refused.value) == (
        f"report {name}.csv.sql: '{name}.csv' would be read as a file of {name}; write the reports elsewhere with"
        " --output, or rename that file"
    )
    bring_up_to_date(pipeline.database, wanted_tables(pipeline.data))
    pipeline.load(**{name: "id\n1\n"})
    exported = export(pipeline.database, find_reports(output, pipeline.data), output)
    assert exported is not None
    assert (output / f"{name}.csv") in exported.files
    other = write_reports(pipeline.database, output)  # of another folder, into it
    assert other is not None


def test_reports_written_into_the_folder_of_a_dataset_are_refused(tmp_path: Path, reports: Path) -> None:
    folder = tmp_path / "data" / "people" / "old"
    folder.mkdir(parents=True)
    link = tmp_path / "link"
    link.symlink_to(folder)
    for output in (folder, link):
        with pytest.raises(
            SettingsError, match=r"loads\.csv\.sql: 'people/old/loads\.csv' would be read as a file of people"
        ):
            find_reports(output, tmp_path / "data")
    assert len(find_reports(folder, tmp_path / "elsewhere")) == len(list(reports.iterdir()))


@pytest.mark.parametrize(("content", "reason"), [(b"SELECT '\xff'", "not UTF-8"), (None, "Is a directory")])
def test_a_report_that_cannot_be_read_is_named(
    tmp_path: Path, reports: Path, content: bytes | None, reason: str
) -> None:
    path = reports / "zz.csv.sql"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(SettingsError, match=rf"report zz\.csv\.sql: cannot read '.*': {reason}; correct or remove"):
        find_reports(tmp_path, tmp_path)


@pytest.mark.parametrize("source", ["codes.csv", "CODES.csv"])
def test_a_report_with_the_name_of_a_loaded_source_is_refused(
    pipeline: Pipeline, output: Path, own: Path, source: str
) -> None:
    """Also if the source was sealed while the exporter waited."""
    (own / "codes.csv.sql").write_text("SELECT 1")
    pipeline.load(places=PLACES)
    with pipeline.database.transaction() as tx:
        check_sources(tx, find_reports(output, pipeline.data, own))
        tx.run("UPDATE sources SET name = %(name)s", name=source)
    with pytest.raises(SettingsError, match=rf"report codes\.csv\.sql: '{source}' is a source that was loaded; rename"):
        export(pipeline.database, find_reports(output, pipeline.data, own), output)
    assert list(output.iterdir()) == []


def test_the_exporter_refuses_names_and_settings_before_it_waits(
    pipeline: Pipeline, output: Path, no_reports: Path, own: Path
) -> None:
    """Nothing is loaded, so that it would wait until DRAIN_TIMEOUT."""
    query = own / "people.csv.sql"
    query.write_text("SELECT 1")
    assert refusal(pipeline, output, "--reports", str(own)).startswith(
        "error: report people.csv.sql: 'people.csv' would be read"
    )
    query = query.rename(no_reports / "codes.csv.sql")
    assert refusal(pipeline, output, "--max-rejects", "5x").startswith("error: MAX_REJECTS: '5x' is neither")
    data = ("--data", str(output.parent))
    query.rename(no_reports / "codes.json.sql")
    people = output.rename(output.with_name("people"))
    (no_reports / "codes.csv.sql").write_text("SELECT 1")
    assert refusal(pipeline, people, *data).startswith("error: report codes.csv.sql: 'people/codes.csv' would")
    with pipeline.database.transaction() as tx:
        tx.run("INSERT INTO sources (name, dataset) VALUES ('codes.csv', 'places')")
    data = ("--data", str(people))
    assert refusal(pipeline, people, *data).startswith("error: report codes.csv.sql: 'codes.csv' is a source")
    assert list(people.iterdir()) == []


def refusal(pipeline: Pipeline, output: Path, *options: str) -> str:
    """What the exporter says when it exits with 2."""
    exporter = start_exporter(pipeline.services, output, *options)
    out, err = exporter.communicate(timeout=30)
    assert (exporter.returncode, out) == (2, ""), err
    return err


def a_file(path: Path) -> None:
    path.write_text("the user's")


def a_folder(path: Path) -> None:
    path.mkdir()
    (path / "file").write_text("the user's")


def a_link(path: Path) -> None:
    elsewhere = path.parent.parent / "elsewhere"
    elsewhere.write_text("the user's")
    path.symlink_to(elsewhere)


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("make", [a_file, a_folder, a_link, a_pipe])
def test_what_the_exporter_did_not_write_is_kept_under_another_name(
    pipeline: Pipeline, output: Path, no_reports: Path, make: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    (no_reports / "codes.csv.sql").write_text("SELECT 1 AS code")
    (output / "codes.csv.1.bak").write_text("of an earlier day")
    path, backup = output / "codes.csv", output / "codes.csv.2.bak"
    make(path)
    before = path.lstat()
    write_reports(pipeline.database, output)
    assert path.read_text() == "code\n1\n"
    assert not path.is_symlink()
    assert (backup.lstat().st_ino, backup.lstat().st_mode) == (before.st_ino, before.st_mode)
    if make in (a_file, a_link):
        assert backup.read_text() == "the user's"
    assert (output / "codes.csv.1.bak").read_text() == "of an earlier day"
    assert caplog.messages == [f"{path} was not written by the exporter; it is kept as {backup}"]

    (no_reports / "codes.csv.sql").write_text("SELECT 2 AS code")
    write_reports(pipeline.database, output)
    assert path.read_text() == "code\n2\n"
    assert {each.name for each in output.iterdir()} == {path.name, backup.name, "codes.csv.1.bak", PAGE, manifest.NAME}


@pytest.mark.parametrize("make", [a_folder, a_link, a_pipe])
def test_what_is_no_file_is_kept_even_under_the_name_of_a_report(
    pipeline: Pipeline, output: Path, no_reports: Path, make: Callable[[Path], None]
) -> None:
    (no_reports / "codes.csv.sql").write_text("SELECT 1 AS code")
    write_reports(pipeline.database, output)
    path, backup = output / "codes.csv", output / "codes.csv.1.bak"
    path.unlink()
    make(path)
    before = path.lstat()
    write_reports(pipeline.database, output)
    assert path.read_text() == "code\n1\n"
    assert (backup.lstat().st_ino, backup.lstat().st_mode) == (before.st_ino, before.st_mode)


def test_a_lost_stamp_makes_no_second_copy_of_the_same_reports(
    pipeline: Pipeline, output: Path, no_reports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = mock.Mock(now=lambda zone: datetime(2026, 1, 1, tzinfo=zone))  # the page says when it was written
    monkeypatch.setattr("exporter.page.datetime", now)
    (no_reports / "codes.csv.sql").write_text("SELECT 1 AS code")
    write_reports(pipeline.database, output)
    (output / manifest.NAME).unlink()
    write_reports(pipeline.database, output)
    assert {path.name for path in output.iterdir()} == {"codes.csv", PAGE, manifest.NAME}
