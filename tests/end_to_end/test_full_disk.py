"""A disk that has no space left for the embedded servers: the run ends, with the reason, and leaves no process."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import PROJECT
from tests.conftest import PEOPLE
from tests.end_to_end.embedded_runs import ENVIRONMENT, are_up, run, servers_in
from tests.faults.test_output import OWN_MOUNTS, can_mount
from tests.forked import start_forked
from tests.support import wait_until

# An ordinary user is root in the namespace in which it mounts, and must be itself again to run PostgreSQL.
OWN_USER = "" if os.geteuid() == 0 else f"unshare --user --map-user={os.geteuid()} "
RUN = f'{OWN_USER}"{sys.executable}" -m pipeline run --data "$2" --state "$1/state" --chunk-rows 1'
MANY_PEOPLE = PEOPLE + PEOPLE.splitlines(keepends=True)[1] * 1_000


def on_small_disk(folder: Path, data: Path, script: str, size: str) -> "subprocess.CompletedProcess[str]":
    """Runs a script whose $1 is a file system of `size`, and $2 the folder of data."""
    disk = folder / "disk"
    disk.mkdir()
    if not can_mount(disk):
        pytest.skip("this system does not permit mounting a file system")
    mount = f'mount -t tmpfs -o mode=755,size={size} tmpfs "$1" || exit 1; '
    command = [*OWN_MOUNTS, "sh", "-c", mount + script, "sh", str(disk), str(data)]
    environment = {"PATH": os.environ["PATH"]}
    return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=90)


def test_a_run_does_not_start_on_a_full_disk(folder: Path, data: Path) -> None:
    script = f'{RUN}; echo exit $?; ls "$1/state"'
    ended = on_small_disk(folder, data, script, size="199m")
    assert ended.stdout == "exit 2\n"
    assert ended.stderr == (
        f"error: PIPELINE_STATE: no space left on the disk of '{folder}/disk/state': 199 MiB free, 200 MiB needed;"
        " free some space, or name a folder on another disk\n"
    )


def test_a_run_starts_on_a_disk_with_little_more_than_it_needs(folder: Path, data: Path) -> None:
    """A second run needs less than a first one: the state is there."""
    script = f'{RUN}; echo exit $?; head -c 40m /dev/zero > "$1/ballast"; {RUN}; echo exit $?'
    ended = on_small_disk(folder, data, script, size="201m")
    assert [line for line in ended.stdout.splitlines() if line.startswith("exit")] == ["exit 0", "exit 0"], ended.stderr


def test_a_disk_that_fills_up_ends_the_run_and_the_next_one_goes_on(folder: Path, data: Path, state: Path) -> None:
    (data / "people.csv").write_text(MANY_PEOPLE)
    script = (
        f'cp -a "{state}" "$1/state"; {RUN} > "$2/first.log" 2>&1 & run=$!;'
        ' while ! test -s "$1/state/valkey.port"; do sleep 0.1; done;'
        ' cat /dev/zero > "$1/ballast" 2> "$2/reason";'
        " wait $run; echo first run: $?;"
        ' for cwd in /proc/[0-9]*/cwd; do readlink "$cwd"; done | grep "$1/state"; echo no process left;'
        ' rm "$1/ballast"; head -n 5 "$2/people.csv" > "$2/short" && mv "$2/short" "$2/people.csv";'
        f' {RUN} > "$2/second.log" 2>&1; echo second run: $?'
    )
    ended = on_small_disk(folder, data, script, size="300m")
    log = (data / "first.log").read_text()
    assert ended.stdout == "first run: 1\nno process left\nsecond run: 0\n", log[-2000:]
    assert f"error: PIPELINE_STATE: no space left on the disk of '{folder}/disk/state'" in log.splitlines()[-1], log[
        -2000:
    ]
    assert (data / "summary_output.json").read_text() == '{"Scotland":2,"Ireland":1,"Wales":1}'


def test_a_run_whose_reports_find_no_space_has_changed_the_tables_and_does_not_exit_with_2(
    folder: Path, data: Path, state: Path
) -> None:
    (data / "people.csv").write_text(PEOPLE + PEOPLE.splitlines(keepends=True)[1])
    run_elsewhere = RUN.replace("$1/state", str(state)) + ' --output "$1"'
    data.chmod(0o755)
    script = f'head -c 40000 /dev/zero > "$1/ballast"; {run_elsewhere}; echo exit $?; ls "$1"'
    ended = on_small_disk(folder, data, script, size="64k")
    assert ended.stdout.endswith("exit 1\nballast\n"), ended.stderr
    assert f"OUTPUT_DIR: cannot write into '{folder}/disk': No space left on device" in ended.stderr


def test_a_run_ends_when_its_disk_runs_short(folder: Path, data: Path, state: Path) -> None:
    """Where mounting is not permitted too: the system tells the run that the disk is full."""
    (data / "people.csv").write_text(MANY_PEOPLE)
    full = folder / "full"
    measured = shutil.disk_usage

    def fill() -> None:
        vars(shutil)["disk_usage"] = lambda path: measured(path)._replace(**{"free": 0} if full.exists() else {})

    command = ["pipeline", "run", "--data", str(data), "--state", str(state), "--chunk-rows", "1"]
    process = start_forked(command, ENVIRONMENT, preexec_fn=fill)
    wait_until(lambda: are_up(state))
    full.touch()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.splitlines()[-1] == (
        f"error: PIPELINE_STATE: no space left on the disk of '{state}': 0 MiB free, 64 MiB needed;"
        " free some space, or name a folder on another disk"
    )
    assert servers_in(folder) == []
    (data / "people.csv").write_text(PEOPLE)
    run(data, state)
