"""The settings of the real commands: checked at start, named with their remedy when wrong, shown by --help."""

import json
import re

import pytest

from tests.conftest import PLACES, Commands, Pipeline

WRONG_PASSWORD = re.compile(r"//(.*):.*@")


@pytest.mark.parametrize(
    ("command", "environment", "code", "names"),
    [
        ("producer", {"CHUNK_ROWS": "0"}, 2, ["CHUNK_ROWS", "0 is not in the range"]),
        ("producer", {"QUEUE_LIMIT": "many"}, 2, ["QUEUE_LIMIT", "'many' is not a valid integer"]),
        ("producer", {"DATA_DIR": "/nowhere"}, 2, ["DATA_DIR", "/nowhere", "create it"]),
        ("exporter", {"OUTPUT_DIR": "/nowhere"}, 2, ["OUTPUT_DIR", "/nowhere", "create it"]),
        ("exporter", {"OUTPUT_DIR": "/dev/fd"}, 2, ["OUTPUT_DIR", "/dev/fd", "correct its rights"]),
        ("exporter", {"LOG_FORMAT": "xml"}, 2, ["LOG_FORMAT", "'xml'", "'text', 'json'"]),
        (
            "worker",
            {"DATABASE_URL": "postgresql://u:secret@127.0.0.1:1/x"},
            2,
            ["DATABASE_URL", "127.0.0.1:1", "start"],
        ),
        ("worker", {"DATABASE_URL": "mysql://u:secret@127.0.0.1/x"}, 2, ["DATABASE_URL", "postgresql://"]),
        ("worker", {"DATABASE_URL": ""}, 2, ["DATABASE_URL"]),
        (
            "worker",
            {"DATABASE_URL": "wrong password"},
            2,
            ["DATABASE_URL", "password authentication failed", "correct"],
        ),
        ("worker", {"REDIS_URL": "redis://:secret@127.0.0.1:1/0"}, 2, ["REDIS_URL", "127.0.0.1:1", "start"]),
        ("worker", {"REDIS_URL": "http://127.0.0.1"}, 2, ["REDIS_URL", "redis://"]),
        (
            "worker",
            {"REDIS_URL": "rediss://:secret@127.0.0.1:1/0?ssl_ca_cert=x"},
            2,
            ["REDIS_URL", "unknown parameter"],
        ),
        ("worker", {"REDIS_URL": "wrong password"}, 2, ["REDIS_URL", "correct the setting"]),
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
    assert "create them with `pipeline schema`" in ended.stderr
    assert commands.run("pipeline", "schema").returncode == 0
    assert commands.run("worker", "--burst").returncode == 0


def test_log_lines_can_be_json(commands: Commands) -> None:
    ended = commands.run("worker", "--burst", LOG_FORMAT="json")
    entries = [json.loads(line) for line in ended.stderr.splitlines()]
    assert [entry["message"] for entry in entries] == ["worker ready"]
    assert {"time", "level", "logger", "message"} == entries[0].keys()


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
    assert command in examples
