"""LOG_FORMAT=json: each line on standard error is one JSON object, from every process and library."""

import json
import signal
import socket
import sys
from typing import Any

import pytest

from tests.conftest import PLACES, Commands, Pipeline
from tests.forked import start_forked
from tests.support import generate, wait_until

Entry = dict[str, Any]
PEOPLE = (
    "given_name,family_name,date_of_birth,place_of_birth\nJean,Kerr,1901-02-03,Ayr\nSiân,Parry,1923-04-05,Nowhere\n"
)


def entries(text: str) -> list[Entry]:
    read = [json.loads(line) for line in text.splitlines()]
    assert all({"time", "level", "logger", "message"} <= entry.keys() for entry in read)
    return read


def test_a_run_and_its_processes_log_load_chunk_rows_and_seconds(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.write(places=PLACES, people=PEOPLE)
    (pipeline.data / "people_2.csv").touch()
    ended = commands.run("pipeline", "run", "--data", str(pipeline.data), "--debug", LOG_FORMAT="json")
    assert ended.returncode == 0, ended.stderr
    log = entries(ended.stderr)
    [chunk] = [entry for entry in log if entry.get("source") == "people.csv" and "chunk" in entry]
    assert {name: chunk[name] for name in ("logger", "level", "load", "chunk", "rows", "inserted", "rejected")} == {
        "logger": "worker.load",
        "level": "debug",
        "load": 2,
        "chunk": 1,
        "rows": 2,
        "inserted": 1,
        "rejected": 1,
    }
    assert 0 < chunk["seconds"] < 60
    loads = {entry["load"]: entry for entry in log if entry["logger"] == "pipeline.results" and "load" in entry}
    assert [(load["source"], load["rows"], load["rejected"]) for load in loads.values()] == [
        ("people.csv", 2, 1),
        ("places.csv", 3, 0),
    ]
    assert all(0 < load["seconds"] < 60 for load in loads.values())
    [run] = [entry for entry in log if entry["message"].startswith("run ended after ")]
    assert run["exit_code"] == 0
    assert 0 < run["seconds"] < 60
    assert any(entry["logger"].startswith("rq.") for entry in log), "RQ's own lines too"
    debugged = {entry["logger"].partition(".")[0] for entry in log if entry["level"] == "debug"}
    assert {"worker", "producer"} <= debugged, "the stages log as the run was told to"
    assert "Siân" not in ended.stderr


def test_a_chunk_that_fails_names_its_load_and_its_number(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.write(places=PLACES, people=PEOPLE)
    pipeline.produce()
    with pipeline.database.transaction() as tx:
        tx.run("ALTER TABLE places ADD CONSTRAINT none CHECK (false) NOT VALID")
    log = entries(commands.run("worker", "--burst", LOG_FORMAT="json").stderr)
    failures = [entry for entry in log if entry["level"] == "error"]
    assert {(entry["load"], entry["chunk"]) for entry in failures} == {(1, 1), (2, 1)}
    assert all(entry["seconds"] >= 0 for entry in failures)


def test_the_monitor_and_its_web_server(commands: Commands) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = commands.run("monitor", "--port", port, LOG_FORMAT="json")
    assert refused.returncode == 2
    assert [entry["message"].rpartition(": ")[2] for entry in entries(refused.stderr)] == [
        "address already in use",
        f"cannot listen on 127.0.0.1 port {port}; name another with --port",
    ]
    monitor = commands.start("monitor", "--port", "0", "--debug", LOG_FORMAT="json")
    assert monitor.stderr
    said = [monitor.stderr.readline()]
    while "the page is on" not in said[-1]:
        said.append(monitor.stderr.readline())
    monitor.send_signal(signal.SIGTERM)
    _, rest = monitor.communicate(timeout=30)
    assert any(entry["logger"].startswith("uvicorn") for entry in entries("".join(said) + rest))


@pytest.mark.parametrize(
    ("command", "environment", "code"),
    [
        (["pipeline", "schema"], {}, 0),
        (["pipeline", "schema"], {"DATABASE_URL": "postgresql://u:p@host.invalid/name"}, 2),
        (["pipeline.cli.container", "worker", sys.executable, "-m", "worker", "--burst"], {}, 0),
        (["pipeline.cli.container", "exporter", sys.executable, "-m", "exporter"], {"DRAIN_TIMEOUT": "0"}, 4),
        (["worker"], {"REDIS_URL": "redis://127.0.0.1:1/0", "START_TIMEOUT": "0.2"}, 4),
        (["producer", "--no-such-option"], {}, 2),
        (["producer"], {"CHUNK_ROWS": "x"}, 2),
        (["pipeline", "run"], {"DATA_DIR": "/nowhere"}, 2),
        (["pipeline", "describe", "/nowhere.csv"], {}, 1),
    ],
)
def test_what_ends_at_the_start(
    commands: Commands, pipeline: Pipeline, command: list[str], environment: dict[str, str], code: int
) -> None:
    settings = {"OUTPUT_DIR": str(pipeline.data), "DATA_DIR": str(pipeline.data), **environment}
    ended = commands.run(*command, LOG_FORMAT="json", **settings)
    assert ended.returncode == code, ended.stderr
    assert len(entries(ended.stderr)) == len(ended.stderr.splitlines()) > 0


def test_a_run_that_is_interrupted(pipeline: Pipeline, commands: Commands) -> None:
    generate(pipeline.data, people=2_000)
    command = ["pipeline", "run", "--data", str(pipeline.data), "--chunk-rows", "10", "--log-format=json"]
    run = start_forked(command, commands.services.environment, own_group=True)
    wait_until(lambda: pipeline.rows("SELECT count(*) > 3 FROM load_chunks WHERE committed_at IS NOT NULL")[0][0])
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=30)
    assert run.returncode == 130
    assert entries(err)[-1]["message"] == "interrupted; run it again to go on"
