"""`pipeline status` and `pipeline psql` as commands."""

import json
import os
import re
import signal
import subprocess
import urllib.request
from pathlib import Path

import psycopg2

from tests.acceptance.embedded_runs import names_in
from tests.conftest import PEOPLE, PLACES, Commands, Pipeline
from tests.forked import run_forked, start_forked


def test_the_exit_code_tells_the_state(commands: Commands, pipeline: Pipeline) -> None:
    assert commands.run("pipeline", "status", "--exit-code").returncode == 0
    pipeline.write(places=PLACES, people=PEOPLE)
    pipeline.produce()
    running = commands.run("pipeline", "status", "--exit-code")
    assert running.returncode == 5
    assert "no worker is running" in running.stdout
    assert commands.run("pipeline", "status").returncode == 0
    pipeline.queue.connection.flushdb()
    failed = commands.run("pipeline", "status", "--exit-code")
    assert failed.returncode == 1
    assert "run the producer, or `pipeline run`, again" in failed.stdout


def test_a_server_that_is_away_is_named_at_once_with_what_the_other_one_shows(
    commands: Commands, pipeline: Pipeline
) -> None:
    pipeline.load(places=PLACES)
    pipeline.write(people=PEOPLE)
    pipeline.produce()
    without_redis = commands.run("pipeline", "status", REDIS_URL="redis://127.0.0.1:1/0", START_TIMEOUT="60")
    assert (without_redis.returncode, without_redis.stderr) == (1, "")
    assert without_redis.stdout.startswith("unreachable: cannot use Redis at 127.0.0.1:1: ")
    assert "places.csv: complete, 3 rows" in without_redis.stdout
    away = "postgresql://tests@127.0.0.1:1/none"
    without_postgresql = commands.run("pipeline", "status", "--json", DATABASE_URL=away, START_TIMEOUT="60")
    shown = json.loads(without_postgresql.stdout)
    assert (without_postgresql.returncode, shown["state"], shown["queue"]["waiting"]) == (1, "unreachable", 1)


def test_json_is_one_object(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    shown = commands.run("pipeline", "status", "--json")
    assert shown.returncode == 0, shown.stderr
    assert {load["source"]: load["inserted"] for load in json.loads(shown.stdout)["loads"]} == {
        "people.csv": 4,
        "places.csv": 3,
    }


def test_plain_lines_say_how_many_files_they_leave_out(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.write(places=PLACES, **{f"people-{number}": PEOPLE for number in range(10)})
    pipeline.produce()
    assert "and 1 more file; --json lists them" in commands.run("pipeline", "status").stdout.splitlines()


def test_an_option_of_psql_without_dashes_before_it_says_where_it_stands(commands: Commands) -> None:
    wrong = commands.run("pipeline", "psql", "-c", "SELECT 1")
    assert wrong.returncode == 2
    assert wrong.stderr == (
        "error: No such option '-c'. Options of psql stand after --, as in: pipeline psql -- -c 'SELECT 1'.\n"
    )
    assert "psql stand" not in commands.run("pipeline", "psql", "--stat", "x").stderr


def test_a_watch_ends_with_ctrl_c(commands: Commands) -> None:
    watch = commands.start("pipeline", "status", "--watch", "--json")
    assert watch.stdout is not None
    first, second = watch.stdout.readline(), watch.stdout.readline()
    assert json.loads(first)["at"] < json.loads(second)["at"]
    watch.send_signal(signal.SIGINT)
    _, err = watch.communicate(timeout=30)
    assert (watch.returncode, err) == (0, "")


def test_hostile_names_steer_no_terminal(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES)
    (pipeline.data / "people-\x1b[31m.csv").write_text(PEOPLE, encoding="utf-8")
    pipeline.produce()
    assert "\x1b" not in commands.run("pipeline", "status").stdout
    assert "\x1b" not in commands.run("pipeline", "status", "--json").stdout


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
