"""Passwords of the real commands: read from files, and never shown."""

from pathlib import Path

import pytest

from tests.conftest import PEOPLE, PLACES, Commands, Pipeline

COMMANDS = ["producer", "worker", "exporter", "pipeline run", "pipeline schema"]


@pytest.fixture
def files(commands: Commands, tmp_path: Path) -> dict[str, str]:
    """The variables that name files with the URLs of the servers, and none that holds a URL."""
    variables = {"DATABASE_URL": "", "REDIS_URL": ""}
    for name in ("DATABASE_URL", "REDIS_URL"):
        file = tmp_path / name
        file.write_text(f"{commands.services.environment[name]}\n")
        variables[f"{name}_FILE"] = str(file)
    return variables


def test_every_stage_finds_its_servers_in_files(commands: Commands, pipeline: Pipeline, files: dict[str, str]) -> None:
    pipeline.write(places=PLACES, people=PEOPLE)
    folders = {"DATA_DIR": str(pipeline.data), "OUTPUT_DIR": str(pipeline.data)}
    for command in (["pipeline", "schema"], ["producer"], ["worker", "--burst"], ["exporter"]):
        ended = commands.run(*command, **folders, **files)
        assert ended.returncode == 0, ended.stderr
    assert (pipeline.data / "summary_output.json").read_text() == '{"Scotland":2,"Ireland":1,"Wales":1}'
    ended = commands.run("pipeline", "run", **folders, **files)
    assert ended.returncode == 0, ended.stderr
    assert "people.csv: 4 rows, unchanged, nothing to do" in ended.stdout


def test_a_flag_wins_over_a_variable_and_a_variable_over_its_file(commands: Commands, files: dict[str, str]) -> None:
    good = commands.services.environment["REDIS_URL"]
    assert (
        commands.run("worker", "--burst", **{**files, "REDIS_URL": good, "REDIS_URL_FILE": "/nowhere"}).returncode == 0
    )
    bad = "redis://127.0.0.1:1"
    ended = commands.run("worker", "--burst", **{**files, "REDIS_URL": bad})
    assert (ended.returncode, "127.0.0.1:1" in ended.stderr) == (2, True)
    ended = commands.run("worker", "--burst", "--redis-url", good, **{**files, "REDIS_URL": bad})
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_that_cannot_be_read_is_named_with_the_reason(
    commands: Commands, files: dict[str, str], tmp_path: Path, command: str
) -> None:
    (tmp_path / "empty").write_text(" \n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for file, reason in (
        (tmp_path / "missing", "No such file or directory"),
        (tmp_path, "Is a directory"),
        (tmp_path / "empty", "is empty"),
        (tmp_path / "binary", "is not a text in UTF-8"),
    ):
        ended = commands.run(*command.split(), **{**files, "DATABASE_URL_FILE": str(file)})
        assert ended.returncode == 2
        assert ended.stderr.startswith("error: DATABASE_URL_FILE: ")
        assert str(file) in ended.stderr
        assert reason in ended.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_the_files(commands: Commands, command: str) -> None:
    shown = " ".join(commands.run(*command.split(), "--help", DATABASE_URL_FILE="/nowhere").stdout.split())
    assert "DATABASE_URL_FILE" in shown
    assert ("REDIS_URL_FILE" in shown) == (command != "pipeline schema")
