"""What `pipeline run` prints: each thing once, also when nobody reads on."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from tests.conftest import PLACES, Commands, Pipeline
from tests.end_to_end.conftest import StartRun
from tests.support import generate

ONE_PERSON = "given_name,family_name,date_of_birth,place_of_birth\nJean,Kerr,1901-02-03,Ayr\n"
WORKERS = 3
MOST_LINES = 20  # of a load of any number of rows by so many workers


def test_a_run_says_each_thing_once(commands: Commands, pipeline: Pipeline) -> None:
    """The producer what is queued, the exporter what became of it; one row is not `1 rows`.

    Standard output says the results, which only logs in JSON repeat.
    """
    pipeline.write(places=PLACES, people=ONE_PERSON)
    ended = commands.run("pipeline", "run", "--data", str(pipeline.data))
    assert ended.returncode == 0, ended.stderr
    assert [line for line in ended.stdout.splitlines() if "csv: " in line] == [
        "places.csv: 3 of 3 rows queued in 1 chunk",
        "people.csv: 1 of 1 row queued in 1 chunk",
        "people.csv: 1 row = 1 inserted + 0 updated + 0 unchanged + 0 rejected; 0 deleted",
        "places.csv: 3 rows = 3 inserted + 0 updated + 0 unchanged + 0 rejected; 0 deleted",
    ]
    assert "run ended" not in ended.stderr
    assert "inserted" not in ended.stderr
    forgotten = commands.run("pipeline", "forget", "people.csv")
    assert forgotten.stdout == "people.csv: forgotten, 1 row of people removed\n"


def test_chunks_that_wait_for_others_are_no_news(start: StartRun) -> None:
    run = start(chunk_rows=100, people=1_000)
    _, err = run.communicate(timeout=60)
    assert run.returncode == 0
    assert "requeued" not in err


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_the_lines_of_a_run_do_not_grow_with_its_chunks(
    commands: Commands, pipeline: Pipeline, log_format: str
) -> None:
    generate(pipeline.data, people=150)
    options = ["--workers", str(WORKERS), "--chunk-rows", "5", "--log-format", log_format]
    ended = replace(commands, timeout=120).run("pipeline", "run", "--data", str(pipeline.data), *options)
    assert ended.returncode == 0, ended.stderr
    assert pipeline.rows(f"SELECT count(*) > {2 * MOST_LINES} FROM load_chunks") == [(True,)]
    assert len((ended.stdout + ended.stderr).splitlines()) <= MOST_LINES


def test_the_lines_of_the_stages_do_not_grow_with_their_chunks(commands: Commands, pipeline: Pipeline) -> None:
    generate(pipeline.data, people=150)
    workers = [commands.start("worker") for _ in range(WORKERS)]
    files = {"DATA_DIR": str(pipeline.data), "OUTPUT_DIR": str(pipeline.data)}
    said = ""
    for stage, options in (("producer", ["--chunk-rows", "5"]), ("exporter", [])):
        ended = replace(commands, timeout=120).run(stage, *options, **files)
        assert ended.returncode == 0, ended.stderr
        said += ended.stdout + ended.stderr
    for worker in workers:
        worker.terminate()
        said += "".join(worker.communicate(timeout=30))
    assert len(said.splitlines()) <= MOST_LINES


def test_a_reader_that_goes_away_ends_no_load(commands: Commands, pipeline: Pipeline) -> None:
    """As `pipeline run | head -1` does: the load is done, with its reports, and its exit code."""
    pipeline.write(places=PLACES, people=ONE_PERSON)
    reader, writer = os.pipe()
    command = [sys.executable, "-m", "pipeline", "run", "--data", str(pipeline.data)]
    run = subprocess.Popen(command, env=commands.services.environment, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    os.close(reader)
    _, err = run.communicate(timeout=60)
    assert run.returncode == 0, err
    assert (pipeline.data / "summary_output.json").read_text() == '{"Scotland":1}'
    assert "error" not in err.lower()


def test_an_unknown_command_lists_the_commands(commands: Commands) -> None:
    ended = commands.run("pipeline", "load")
    assert ended.returncode == 2
    names = "check, describe, forget, psql, reset, run, schema, status"
    assert f"No such command 'load'. Commands: {names}." in ended.stderr
