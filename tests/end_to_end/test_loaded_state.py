"""What embedded servers have loaded can be looked at and forgotten when the run has ended."""

import json
import os
import re
import signal
import subprocess
import urllib.request
from pathlib import Path

import psycopg2

from tests.end_to_end.embedded_runs import forget, names_in, start
from tests.forked import run_forked, start_forked


def looked(state: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": os.environ["PATH"], "PIPELINE_STATE": str(state)}
    return run_forked(["pipeline", *command], environment)


def test_what_a_run_has_loaded_can_be_looked_at_when_it_has_ended(folder: Path, state: Path) -> None:
    shown = looked(state, "status")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("idle: 2 files loaded, 7 rows\n")
    counted = looked(state, "psql", "--", "--csv", "--tuples-only", "--command", "SELECT count(*) FROM people")
    assert (counted.returncode, counted.stdout) == (0, "4\n"), counted.stderr
    wrong = looked(state, "psql", "--", "--command", "SELECT nothing")
    assert wrong.returncode == 1
    assert names_in(folder) == set()


def test_the_url_of_the_embedded_database_is_served_until_ctrl_c(folder: Path, state: Path) -> None:
    command = ["pipeline", "psql", "--url", "--state", str(state)]
    serving = start_forked(command, {"PATH": os.environ["PATH"]})
    assert serving.stdout is not None
    with psycopg2.connect(serving.stdout.readline().strip()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM people")
        assert cursor.fetchone() == (4,)
    connection.close()
    serving.send_signal(signal.SIGINT)
    _, err = serving.communicate(timeout=30)
    assert (serving.returncode, err) == (0, "the server runs until Ctrl-C\n")
    assert names_in(folder) == set()


def test_the_monitor_shows_the_embedded_servers_until_ctrl_c(folder: Path, state: Path) -> None:
    command = ["monitor", "--port", "0", "--state", str(state)]
    monitor = start_forked(command, {"PATH": os.environ["PATH"]})
    assert monitor.stderr is not None
    [url] = re.findall(r"http://\S+", monitor.stderr.readline())
    with urllib.request.urlopen(f"{url}/api/status") as answer:
        assert {load["source"] for load in json.load(answer)["loads"]} == {"people.csv", "places.csv"}
    monitor.send_signal(signal.SIGINT)
    _, err = monitor.communicate(timeout=30)
    assert (monitor.returncode, err) == (0, "")
    assert names_in(folder) == set()


def test_without_a_state_there_is_nothing_to_look_at(folder: Path) -> None:
    for command in ("status", "psql"):
        ended = looked(folder / "none", command)
        assert ended.returncode == 2
        assert "nothing is loaded there" in ended.stderr


def test_a_run_says_where_the_database_is(data: Path, state: Path) -> None:
    _, err = start(data, state, "--dry-run").communicate(timeout=60)
    assert f"database: embedded, in {state}\n" in err


def test_sources_of_embedded_servers_can_be_forgotten(folder: Path, data: Path, state: Path) -> None:
    wrong = forget("people.csv", folder / "sate")
    assert wrong.returncode == 2
    assert f"PIPELINE_STATE: no state in '{folder / 'sate'}'" in wrong.stderr
    assert not (folder / "sate").exists()
    forgotten = forget("people.csv", state)
    assert (forgotten.returncode, forgotten.stdout) == (0, "people.csv: forgotten, 4 rows of people removed\n")
    repeated = forget("people.csv", state)
    assert (repeated.returncode, repeated.stderr.count("no source 'people.csv' is known; ")) == (2, 1)
    again = start(data, state)
    out, _ = again.communicate(timeout=60)
    assert "people.csv: 4 of 4 rows queued" in out


def test_nothing_can_be_forgotten_after_a_reset(folder: Path) -> None:
    state = folder / "state"
    ended = forget("people.csv", state)
    reason = f"PIPELINE_STATE: no state in '{state}': nothing is loaded there"
    remedy = "start `pipeline run` first, or name the folder of its state with --state"
    assert (ended.returncode, ended.stderr) == (2, f"error: {reason}; {remedy}\n")
    assert not state.exists()
