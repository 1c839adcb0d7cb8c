"""An embedded server that dies under a run: the run ends within seconds and names it, and the next one goes on."""

import time
from pathlib import Path

import psutil
import pytest

from tests.conftest import PEOPLE
from tests.end_to_end.embedded_runs import is_loading, run, servers_in, start
from tests.support import wait_until

MANY_PEOPLE = PEOPLE + PEOPLE.splitlines(keepends=True)[1] * 1_000
SLOWLY = ("--chunk-rows", "1", "--queue-limit", "1")
LATEST_END = 15.0  # seconds; up to 10 of them for the stages to stop


def main_process(folder: Path, program: str) -> psutil.Process:
    named = [process for process in servers_in(folder) if process.name() == program]
    pids = {process.pid for process in named}
    return next(process for process in named if process.ppid() not in pids)


@pytest.mark.parametrize(
    ("program", "log"),
    [("postgres", "postgresql.log"), ("valkey-server", "valkey.log")],
)
def test_a_run_whose_server_is_killed_ends_within_seconds_and_the_next_one_goes_on(
    folder: Path, data: Path, state: Path, program: str, log: str
) -> None:
    (data / "people.csv").write_text(MANY_PEOPLE)
    process = start(data, state, *SLOWLY)
    wait_until(lambda: is_loading(state))
    killed = time.monotonic()
    main_process(folder, program).kill()
    _, err = process.communicate(timeout=40)
    seconds = time.monotonic() - killed
    assert process.returncode == 1
    assert err.splitlines()[-1] == (
        f"error: the embedded {program} was ended by signal 9 (Killed); its log '{state / log}' may say why;"
        " run it again to go on"
    )
    assert seconds < LATEST_END
    wait_until(lambda: not servers_in(folder))
    (data / "people.csv").write_text(PEOPLE)
    run(data, state)


def test_a_run_notices_the_end_of_a_server_that_another_run_has_started(folder: Path, data: Path, state: Path) -> None:
    (data / "people.csv").write_text(MANY_PEOPLE)
    first = start(data, state, *SLOWLY)
    wait_until(lambda: is_loading(state))
    second = start(data, state, *SLOWLY)
    assert second.stderr
    next(line for line in second.stderr if "database: embedded" in line)  # it uses the servers of the first
    first.kill()
    first.communicate()
    main_process(folder, "valkey-server").kill()
    _, err = second.communicate(timeout=120)
    assert second.returncode == 1
    assert err.splitlines()[-1] == (
        f"error: the embedded valkey-server has ended; its log '{state / 'valkey.log'}' may say why;"
        " run it again to go on"
    )
