"""The settings of the real commands: checked at start, named with their remedy when wrong, shown by --help."""

import json
import os
import re
from pathlib import Path

import pytest

from tests.conftest import PLACES, Commands, Pipeline
from tests.forked import run_forked

STAGES = ("producer", "worker", "exporter")
WRONG_PASSWORD = re.compile(r"//(.*):.*@")


@pytest.mark.parametrize(
    ("command", "environment", "code", "names"),
    [
        ("producer", {"CHUNK_ROWS": "0"}, 2, ["CHUNK_ROWS", "'0' is not a whole number from 1 on"]),
        ("producer", {"QUEUE_LIMIT": "many"}, 2, ["QUEUE_LIMIT", "'many' is not a whole number"]),
        ("exporter", {"DRAIN_TIMEOUT": "soon"}, 2, ["DRAIN_TIMEOUT", "'soon' is not a number from 0 to 1,000,000,000"]),
        ("producer", {"DATA_DIR": "/nowhere"}, 2, ["DATA_DIR", "/nowhere", "create it"]),
        ("producer", {"DATASETS_DIR": "/nowhere"}, 2, ["DATASETS_DIR", "/nowhere", "create it"]),
        ("worker", {"DATASETS_DIR": "/dev/null"}, 2, ["DATASETS_DIR", "/dev/null", "name another with --datasets"]),
        (
            "exporter",
            {"OUTPUT_DIR": "/nowhere"},
            2,
            ["OUTPUT_DIR", "/nowhere", "create it or name another with --output"],
        ),
        ("exporter", {"OUTPUT_DIR": "/dev/fd"}, 2, ["OUTPUT_DIR", "/dev/fd", "correct its rights"]),
        ("exporter", {"LOG_FORMAT": "xml"}, 2, ["LOG_FORMAT", "'xml'", "'text', 'json'"]),
        (
            "worker",
            {"DATABASE_URL": "postgresql://u:secret@host.invalid:1/x"},
            2,
            ["DATABASE_URL", "host.invalid:1", "correct"],
        ),
        ("worker", {"DATABASE_URL": "mysql://u:secret@127.0.0.1/x"}, 2, ["DATABASE_URL", "postgresql://"]),
        (
            "worker",
            {"DATABASE_URL": "wrong password"},
            2,
            ["DATABASE_URL", "password authentication failed", "correct"],
        ),
        ("worker", {"REDIS_URL": "redis://:secret@host.invalid:1/0"}, 2, ["REDIS_URL", "host.invalid:1", "correct"]),
        ("worker", {"REDIS_URL": "http://127.0.0.1"}, 2, ["REDIS_URL", "redis://"]),
        (
            "worker",
            {"REDIS_URL": "rediss://:secret@127.0.0.1:1/0?ssl_ca_cert=x"},
            2,
            ["REDIS_URL", "unknown parameter"],
        ),
        ("worker", {"REDIS_URL": "wrong password"}, 2, ["REDIS_URL", "correct the setting"]),
        ("worker", {"START_TIMEOUT": "soon"}, 2, ["START_TIMEOUT", "'soon' is not a number from 0 to 1,000,000,000"]),
        ("monitor", {"MONITOR_PORT": "22x"}, 2, ["MONITOR_PORT", "'22x' is not a port from 0 to 65535"]),
        *(
            (stage, {variable: ""}, 2, [f"{variable}: not set", "://", "`pipeline run` starts its own"])
            for stage in STAGES
            for variable in ("DATABASE_URL", "REDIS_URL")
        ),
        *((stage, {"QUEUE_NAME": "a:b"}, 2, ["QUEUE_NAME", "'a:b'", "letters"]) for stage in STAGES),
    ],
)
def test_a_wrong_setting_gets_an_error_that_names_it_and_the_remedy(
    commands: Commands, pipeline: Pipeline, command: str, environment: dict[str, str], code: int, names: list[str]
) -> None:
    pipeline.write(places=PLACES)
    for name, value in environment.items():
        if value == "wrong password":
            url = commands.services.environment[name]
            environment = {name: WRONG_PASSWORD.sub(r"//\1:secret@", url)}
    ended = commands.run(command, **{"DATA_DIR": str(pipeline.data), "OUTPUT_DIR": str(pipeline.data), **environment})
    assert ended.returncode == code, ended.stderr
    assert ended.stderr.startswith("error: ")
    assert len(ended.stderr.splitlines()) <= 2
    for name in names:
        assert name in ended.stderr
    assert "secret" not in ended.stderr
    assert pipeline.rows("SELECT count(*) FROM loads") == [(0,)]
    assert pipeline.queue.length() == 0


def test_a_database_without_tables_is_named_with_the_remedy(commands: Commands, pipeline: Pipeline) -> None:
    with pipeline.database.transaction() as tx:
        tx.run("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    ended = commands.run("worker")
    assert ended.returncode == 2
    assert "`pipeline schema` creates them" in ended.stderr
    assert commands.run("pipeline", "schema").returncode == 0
    assert commands.run("worker", "--burst").returncode == 0


def test_log_lines_can_be_json(commands: Commands) -> None:
    ended = commands.run("worker", "--burst", LOG_FORMAT="json")
    entries = [json.loads(line) for line in ended.stderr.splitlines()]
    assert [entry["message"] for entry in entries] == ["worker ready"]
    assert {"time", "level", "logger", "message"} == entries[0].keys()


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"DATA_DIR": "/nowhere"}, "DATA_DIR: no folder '/nowhere'"),
        ({"OUTPUT_DIR": "/nowhere"}, "OUTPUT_DIR: no folder '/nowhere'"),
        ({"DATA_DIR": __file__}, f"DATA_DIR: '{__file__}' is a file; name its folder with --data"),
        ({"OUTPUT_DIR": __file__}, f"OUTPUT_DIR: '{__file__}' is a file; name a folder with --output"),
        ({"OUTPUT_DIR": "x" * 300}, f"OUTPUT_DIR: cannot write into '{'x' * 300}': File name too long"),
        ({"OUTPUT_DIR": "/dev/fd"}, "OUTPUT_DIR: cannot write into '/dev/fd'"),
        ({"MAX_REJECTS": "5x"}, "MAX_REJECTS: "),
        ({"DRAIN_TIMEOUT": "nan"}, "nan is not a number of seconds"),
    ],
)
def test_a_run_refuses_wrong_settings_before_servers_start(
    pipeline: Pipeline, tmp_path: Path, settings: dict[str, str], names: str
) -> None:
    pipeline.write(places=PLACES)
    state = tmp_path / "state"
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    folders = {"DATA_DIR": str(pipeline.data), "OUTPUT_DIR": str(pipeline.data), "PIPELINE_STATE": str(state)}
    ended = run_forked(["pipeline", "run"], kept | folders | settings)
    assert ended.returncode == 2, ended.stderr
    assert names in ended.stderr
    assert not state.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["producer", "--log-format", "json", "--bogus"],
        ["producer", "--log-format=json", "--queue-limit", "many"],
        ["exporter", "--log-format", "json", "--output", "/nowhere"],
        ["pipeline", "run", "--log-format", "json", "--data", "/nowhere"],
    ],
)
def test_error_lines_can_be_json(commands: Commands, arguments: list[str]) -> None:
    ended = commands.run(*arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    [entry] = [json.loads(line) for line in ended.stderr.splitlines()]
    assert {"time", "level", "logger", "message"} == entry.keys()
    assert (entry["level"], entry["logger"]) == ("error", "pipeline")
    assert re.search("--bogus|QUEUE_LIMIT|/nowhere", entry["message"])


def test_the_traceback_of_an_error_line_is_part_of_its_json(commands: Commands) -> None:
    ended = commands.run("exporter", "--output", "/nowhere", "--debug", LOG_FORMAT="json")
    [entry] = [json.loads(line) for line in ended.stderr.splitlines()]
    assert entry["traceback"].startswith("Traceback (most recent call last):\n")


def test_the_pipeline_command_alone_prints_its_help(commands: Commands) -> None:
    ended = commands.run("pipeline")
    assert (ended.returncode, ended.stderr) == (2, "")
    assert ended.stdout.startswith("Usage: pipeline [OPTIONS] [COMMAND]")
    assert "  run " in ended.stdout
    assert "..." not in ended.stdout.partition("Commands:")[2], "each command's line is whole, also on 80 columns"


@pytest.mark.parametrize("command", ["producer", "worker", "exporter", "pipeline run"])
def test_help_names_every_flag_with_its_variable_and_ends_with_examples(commands: Commands, command: str) -> None:
    ended = commands.run(*command.split(), "--help")
    assert ended.returncode == 0
    options, _, examples = " ".join(ended.stdout.split()).partition("Examples:")
    for flag, variable in (
        ("--database-url", "DATABASE_URL"),
        ("--redis-url", "REDIS_URL"),
        ("--log-format", "LOG_FORMAT"),
    ):
        assert flag in options
        assert f"env var: {variable}" in options
    assert "env var: START_TIMEOUT; default: 10.0" in options
    assert command in examples


def test_a_folder_that_cannot_be_looked_at_is_named(tmp_path: Path) -> None:
    ended = run_forked(["pipeline", "reset", "--state", "x" * 300], {"PATH": os.environ["PATH"], "HOME": str(tmp_path)})
    assert (ended.returncode, ended.stderr) == (
        1,
        f"error: {'x' * 300}: File name too long; correct its name or its rights, or name another\n",
    )
