"""Reports are written anew unless nothing has changed that they are made of, and then no query of theirs is run."""

import os
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import psycopg2
import pytest

from exporter import manifest, report
from exporter.export import export
from exporter.report import find_reports
from pipeline import PROJECT
from pipeline.forgetting import forget_rows
from tests.conftest import PEOPLE, PLACES, Pipeline
from tests.integration.conftest import write_reports

UNKNOWN = "given_name,family_name,date_of_birth,place_of_birth\nSiân,Parry,1923-04-05,Bala\n"
BALA = "Bala,Gwynedd,Wales\n"
SOME_REPORTS = ("loads.csv.sql", "people_by_county.csv.sql", "summary_output.json.sql")


@pytest.fixture(autouse=True)
def reports(no_reports: Path) -> Path:
    """A folder with some of the shipped reports, that a test may change."""
    for name in SOME_REPORTS:
        shutil.copy(PROJECT / "exporter" / "reports" / name, no_reports)
    return no_reports


@pytest.fixture
def output(pipeline: Pipeline, tmp_path: Path) -> Path:
    """With the reports of people whose place is not known yet, beside others."""
    pipeline.load(places=PLACES, people=PEOPLE, **{"people-2": UNKNOWN})
    folder = tmp_path / "output"
    folder.mkdir()
    assert is_rewritten(pipeline, folder)
    return folder


def is_rewritten(pipeline: Pipeline, output: Path) -> bool:
    """Exports: whether each report was replaced. If not, none was; either way they are up to date from then on."""
    before = held(output)
    if up_to_date_since(pipeline, output):
        assert held(output) == before
        return False
    names = {query.stem for query in report.REPORTS.iterdir()} | {report.PAGE, manifest.NAME}
    after = held(output)
    assert names <= after.keys()
    assert all(after[name][0] != before.get(name, (None,))[0] for name in names)
    assert up_to_date_since(pipeline, output)
    assert held(output) == after
    return True


def up_to_date_since(pipeline: Pipeline, output: Path) -> datetime | None:
    exported = write_reports(pipeline.database, output)
    assert exported is not None
    names = [*sorted(query.stem for query in report.REPORTS.iterdir()), report.PAGE]
    assert exported.files == [output / name for name in names]
    return exported.up_to_date_since


def held(folder: Path) -> dict[str, tuple[int, bytes]]:
    """What each file holds, and its inode, which is another after each replacement."""
    return {path.name: (path.stat().st_ino, path.read_bytes()) for path in folder.iterdir() if path.is_file()}


def test_reports_that_are_up_to_date_are_written_again_on_request(pipeline: Pipeline, output: Path) -> None:
    before = held(output)
    exported = export(pipeline.database, find_reports(output, output), output, rewrite=True)
    assert exported is not None
    assert exported.up_to_date_since is None
    after = held(output)
    assert after.keys() == before.keys()
    assert all(after[name][0] != before[name][0] for name in before)


def test_no_query_of_a_report_is_run_if_nothing_has_changed(pipeline: Pipeline, output: Path) -> None:
    """Nobody can read the rows; the ledger alone, and the kinds of rejected rows, which are named in any case."""
    before = held(output)
    written = (output / manifest.NAME).stat().st_mtime
    blocker = psycopg2.connect(pipeline.services.database_url)
    blocker.cursor().execute("LOCK TABLE people, places, counties, countries")
    exported = write_reports(pipeline.database, output)
    blocker.close()
    assert exported is not None
    assert exported.up_to_date_since is not None
    assert exported.up_to_date_since.timestamp() == pytest.approx(written)
    assert exported.rejected_kinds
    assert [load.source for load in exported.loads] == ["people-2.csv", "people.csv", "places.csv"]
    assert held(output) == before


def new_version(pipeline: Pipeline) -> None:
    pipeline.load(people=PEOPLE.replace("Tenby", "Ayr"))


def new_source(pipeline: Pipeline) -> None:
    pipeline.load(**{"people-3": PEOPLE})


def forgotten_source(pipeline: Pipeline) -> None:
    with pipeline.database.transaction() as tx:
        forget_rows(tx, {"people.csv"})


def forgotten_source_loaded_again(pipeline: Pipeline) -> None:
    forgotten_source(pipeline)
    pipeline.load()


def resolved_reject(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES + BALA)
    assert pipeline.rejected() == []


def there_and_back(pipeline: Pipeline) -> None:
    new_version(pipeline)
    pipeline.load(people=PEOPLE)


@pytest.mark.parametrize(
    "change",
    [
        new_version,
        new_source,
        forgotten_source,
        forgotten_source_loaded_again,
        resolved_reject,
        there_and_back,
    ],
)
def test_what_changes_the_ledger_has_all_rewritten(
    pipeline: Pipeline, output: Path, change: Callable[[Pipeline], None]
) -> None:
    change(pipeline)
    assert is_rewritten(pipeline, output)


def test_the_ledger_of_another_database_or_a_restored_one_has_all_rewritten(pipeline: Pipeline, output: Path) -> None:
    for difference in (
        "UPDATE load_chunks SET committed_at = committed_at + interval '1 us' WHERE load_id = 2",
        "UPDATE load_chunks SET inserted = inserted - 1, updated = updated + 1 WHERE load_id = 2",
        "UPDATE load_chunks SET reopened = reopened + 1 WHERE load_id = 2",
        "UPDATE loads SET sealed_at = sealed_at - interval '1 us' WHERE id = 1",
        "UPDATE sources SET name = 'other.csv' WHERE name = 'people.csv'",
    ):
        with pipeline.database.transaction() as tx:
            tx.run(difference)
        assert is_rewritten(pipeline, output), difference


def test_a_change_of_the_reports_or_of_their_code_has_all_rewritten(
    pipeline: Pipeline, output: Path, reports: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    county = reports / "people_by_county.csv.sql"
    county.write_text(county.read_text() + "-- the same rows\n")
    assert is_rewritten(pipeline, output)
    county.rename(reports / "county.csv.sql")
    assert is_rewritten(pipeline, output)
    (reports / "county.csv.sql").unlink()
    assert is_rewritten(pipeline, output)
    (reports / "four.json.sql").write_text("SELECT to_json(4)")
    assert is_rewritten(pipeline, output)
    code = tmp_path / "code.py"
    code.write_text("")
    monkeypatch.setattr(manifest, "CODE", (*manifest.CODE, code))
    assert is_rewritten(pipeline, output)
    code.write_text("# another version")
    assert is_rewritten(pipeline, output)


def test_the_code_that_counts_is_what_makes_files_of_rows() -> None:
    names = {path.name for path in manifest.CODE}
    assert {"export.py", "write.py", "formula_escape.py", "transaction.py", "copy_format.py", "session.sql"} <= names
    assert {
        "page.py",
        "column_values.sql",
        "render.py",
        "style.css",
        "report.html",
        "chunks_view.sql",
        "throughput.py",
    } <= names


def removed(path: Path) -> None:
    path.unlink()


def edited(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + b"!")


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def extended(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


def a_named_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def a_link_to_nowhere(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def a_link_to_itself(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


DAMAGES = [removed, edited, truncated, emptied, extended, a_named_pipe, a_link_to_nowhere, a_link_to_itself]


@pytest.mark.parametrize("name", ["loads.csv", report.PAGE, manifest.NAME])
def test_a_file_that_is_not_as_it_was_written_has_all_rewritten(pipeline: Pipeline, output: Path, name: str) -> None:
    for damage in DAMAGES:
        damage(output / name)
        assert is_rewritten(pipeline, output), damage.__name__


def test_a_foreign_stamp_counts_for_nothing(pipeline: Pipeline, output: Path) -> None:
    for content in (
        b"\0\xff not JSON",
        b"null",
        b"[]",
        b'"' * 10_000_000,
        b"[" * 100_000,
        b'{"input_digest": null, "reports": {"../../etc/passwd": 1}}',
    ):
        (output / manifest.NAME).write_bytes(content)
        assert is_rewritten(pipeline, output), content[:60]


@pytest.mark.parametrize("replaced", [1, 3])
@pytest.mark.parametrize("then", ["1", "2"])
def test_a_crash_between_two_replacements_has_all_rewritten(
    pipeline: Pipeline, output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replaced: int, then: str
) -> None:
    """Also if what is to be written then is what the manifest from before the crash says (1)."""
    names = ["a.json", "b.json", "c.json"]
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
        for name in names:
            (tmp_path / version / f"{name}.sql").write_text(f"SELECT to_json({version})")

    def is_version_rewritten(version: str) -> bool:
        monkeypatch.setattr(report, "REPORTS", tmp_path / version)
        return is_rewritten(pipeline, output)

    replace = Path.replace
    left = replaced

    def replace_some(path: Path, target: Path) -> Path:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return replace(path, target)

    assert is_version_rewritten("1")
    monkeypatch.setattr(Path, "replace", replace_some)
    with pytest.raises(KeyboardInterrupt):
        is_version_rewritten("2")
    monkeypatch.setattr(Path, "replace", replace)
    assert [(output / name).read_text() for name in names] == ["2"] * replaced + ["1"] * (3 - replaced)
    assert is_version_rewritten(then)
    assert [(output / name).read_text() for name in names] == [then] * 3
