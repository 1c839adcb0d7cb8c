"""What the tests of reports share: folders of queries and of files, and the export from one to the other."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from exporter import report
from exporter.export import Exported, export
from exporter.report import find_reports
from pipeline.postgres.database import Database
from tests.conftest import Services
from tests.forked import start_forked
from tests.support import run_measured


@pytest.fixture
def output(tmp_path: Path) -> Path:
    folder = tmp_path / "output"
    folder.mkdir()
    return folder


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the shipped reports, that a test may change."""
    folder = tmp_path / "reports"
    shutil.copytree(report.REPORTS, folder)
    monkeypatch.setattr(report, "REPORTS", folder)
    return folder


@pytest.fixture
def no_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without reports, that a test may add to."""
    folder = tmp_path / "reports"
    folder.mkdir()
    monkeypatch.setattr(report, "REPORTS", folder)
    return folder


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The folder of a user's own reports."""
    folder = tmp_path / "own reports"
    folder.mkdir()
    return folder


def write_reports(database: Database, output: Path) -> Exported | None:
    return export(database, find_reports(output, output), output)


PEAK_MEMORY = """
import resource, sys
from pathlib import Path
from exporter import report
from exporter.export import export
from exporter.report import find_reports
from pipeline.postgres.database import Database

url, reports, output, name, *queries = sys.argv[1:]
report.REPORTS, folder = Path(reports), Path(output)
for query in queries:
    (report.REPORTS / f"{name}.sql").write_text(query)
    assert not export(Database(url, "tests"), find_reports(folder, folder), folder).failures
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak_memory(services: Services, reports: Path, output: Path, name: str, *queries: str) -> list[int]:
    """The peak memory of a process after each export of a report, whose queries run one after the other; in bytes."""
    command = [sys.executable, "-c", PEAK_MEMORY, services.database_url, str(reports), str(output), name, *queries]
    unit = 1024 if sys.platform != "darwin" else 1
    return [int(peak) * unit for peak in run_measured(command, os.environ)[: len(queries)]]


def start_exporter(services: Services, output: Path, *options: str) -> "subprocess.Popen[str]":
    """The exporter's command as a process, with the reports of the folder that the test has put in their place."""
    return start_forked(("exporter", "--output", str(output), *options), services.environment)
