"""What an exporter that was killed leaves in the output folder, and who removes it."""

import fcntl
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from exporter import output as module
from exporter.output import temporary_folder
from producer.sources import left_over
from producer.unnamed import report_names
from tests.conftest import PLACES, Pipeline
from tests.integration.conftest import start_exporter, write_reports
from tests.support import wait_until


@contextmanager
def writing(pipeline: Pipeline, queries: Path, output: Path) -> Iterator["subprocess.Popen[str]"]:
    """An exporter in the middle of its reports: one is written, one takes for ever."""
    (queries / "first.csv.sql").write_text("SELECT 1 AS one")
    (queries / "slow.csv.sql").write_text("SELECT pg_sleep(600)")
    before = set(output.iterdir())
    exporter = start_exporter(pipeline.services, output)
    try:
        for name in ("first.csv", "slow.csv"):
            wait_until(partial(lambda name: {path.parent for path in output.glob(f".reports-*/{name}")} - before, name))
        yield exporter
    finally:
        exporter.kill()
        exporter.communicate()
        (queries / "slow.csv.sql").unlink()


def hidden(output: Path) -> set[str]:
    return {path.name for path in output.glob(".reports-*")}


def test_what_a_killed_exporter_leaves_is_removed_by_the_next_and_nothing_else(
    pipeline: Pipeline, output: Path, no_reports: Path
) -> None:
    pipeline.load(places=PLACES)
    for name in (".reports-empty", ".reports-mine"):
        (output / name).mkdir()
    (output / ".reports-mine" / "notes.csv").write_text("the user's")
    (output / ".reports-file").write_text("the user's")
    (output / ".reports-link").symlink_to(output / ".reports-mine")
    users = hidden(output)
    with writing(pipeline, no_reports, output) as exporter:
        left = hidden(output) - users
        assert len(left) == 1
        exporter.send_signal(signal.SIGKILL)
        exporter.wait()
    assert hidden(output) == users | left
    write_reports(pipeline.database, output)
    assert hidden(output) == users
    assert (output / ".reports-mine" / "notes.csv").read_text() == "the user's"
    assert (output / "first.csv").read_text() == "one\n1\n"


def test_what_a_running_exporter_writes_is_not_removed(pipeline: Pipeline, output: Path, no_reports: Path) -> None:
    pipeline.load(places=PLACES)
    with writing(pipeline, no_reports, output):
        [folder] = hidden(output)
        before = {path.name for path in (output / folder).iterdir()}
        with temporary_folder(output) as another:
            assert hidden(output) == {folder, another.name}
        assert {path.name for path in (output / folder).iterdir()} == before


def test_nothing_is_left_of_an_exporter_that_ends(output: Path) -> None:
    with temporary_folder(output) as folder:
        (folder / "report.csv").write_text("")
    with pytest.raises(KeyboardInterrupt), temporary_folder(output):
        raise KeyboardInterrupt
    assert list(output.iterdir()) == []


def test_a_file_system_without_locks_is_no_obstacle(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, os.strerror(95))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with temporary_folder(output) as folder:
        assert not (folder / module.LOCK).exists()
        with temporary_folder(output):
            assert folder.is_dir()
    assert list(output.iterdir()) == []


def test_a_folder_that_cannot_be_removed_is_no_obstacle(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(30, os.strerror(30))

    abandoned = output / ".reports-abandoned"
    abandoned.mkdir()
    (abandoned / module.LOCK).touch()
    monkeypatch.setattr(module, "shutil", SimpleNamespace(rmtree=refuse))
    with temporary_folder(output) as folder:
        assert hidden(output) == {abandoned.name, folder.name}
    monkeypatch.undo()
    with temporary_folder(output) as folder:
        assert hidden(output) == {folder.name}


def test_the_file_of_a_report_that_is_gone_is_still_known_as_the_exporters(
    pipeline: Pipeline, output: Path, no_reports: Path
) -> None:
    """So the producer does not warn about it; and it is kept as the user's, should a report of its name come back."""
    (no_reports / "towns.csv.sql").write_text("SELECT 1 AS town")
    (no_reports / "one.csv.sql").write_text("SELECT 1 AS one")
    pipeline.load(places=PLACES)
    write_reports(pipeline.database, output)
    (no_reports / "towns.csv.sql").unlink()
    for _ in range(3):
        write_reports(pipeline.database, output)
        assert left_over(output, report_names(output)) == []
    exported = write_reports(pipeline.database, output)
    assert exported is not None
    assert exported.up_to_date_since
    (no_reports / "towns.csv.sql").write_text("SELECT 2 AS town")
    write_reports(pipeline.database, output)
    assert (output / "towns.csv").read_text() == "town\n2\n"
    assert (output / "towns.csv.1.bak").read_text() == "town\n1\n"
