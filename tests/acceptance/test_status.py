"""`pipeline status` and `pipeline psql` as commands."""

import json
import signal

from tests.conftest import PEOPLE, PLACES, Commands, Pipeline


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
