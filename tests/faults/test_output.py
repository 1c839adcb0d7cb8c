"""An output folder that is full or read-only: an error, and the previous reports are as they were."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import PROJECT
from tests.faults.conftest import Run

# In a mount namespace of its own, and for an ordinary user in a user namespace in which it may mount.
OWN_MOUNTS = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]


def can_mount(folder: Path) -> bool:
    if not shutil.which("unshare"):
        return False
    probe = [*OWN_MOUNTS, "mount", "-t", "tmpfs", "tmpfs", str(folder)]
    return subprocess.run(probe, capture_output=True).returncode == 0


@pytest.mark.parametrize(
    ("options", "reason", "code"), [("size=64k", "No space left on device", 1), ("ro", "Read-only", 2)]
)
def test_reports_that_cannot_be_written_leave_the_previous_ones(
    run: Run, tmp_path: Path, options: str, reason: str, code: int
) -> None:
    """The folder is a file system of its own: of 64 KiB, half of which the old reports take, or read-only."""
    output = tmp_path / "output"
    output.mkdir()
    if not can_mount(output):
        pytest.skip("this system lets nobody mount a file system of his own: no full disk to be had")
    run.start_workers()
    assert run.produce().wait(60) == 0
    exporter = run.export()
    _, err = exporter.communicate(timeout=60)
    assert exporter.returncode == 0, err
    script = (
        'mount -t tmpfs -o size=64k tmpfs "$1"'
        ' && printf old > "$1/summary_output.json" && head -c 40000 /dev/zero > "$1/loads.csv"'
        f' && mount -o remount,{options} "$1"'
        f' && ( "{sys.executable}" -m exporter --output "$1"; echo "exit $?"; ls -A "$1"; cat "$1"/*.json )'
    )
    ended = subprocess.run(
        [*OWN_MOUNTS, "sh", "-c", script, "sh", str(output)],
        cwd=PROJECT,
        env=run.commands.services.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.stdout.splitlines()[-4:] == [f"exit {code}", "loads.csv", "summary_output.json", "old"], ended.stderr
    assert "OUTPUT_DIR: cannot write into" in ended.stderr
    assert reason in ended.stderr
    run.stop_workers()
