"""The stages of a run as processes: what they are called, how they log, and that none outlives its run."""

import json
import os
import signal
import subprocess
import sys

import psutil
import pytest

from pipeline import PROJECT
from tests.conftest import Commands, Pipeline, generate, start_process, wait_until

LOADING = ["pipeline producer", "pipeline worker", "pipeline worker"]


def title(process: psutil.Process) -> str:
    return " ".join(process.cmdline()).strip()


def stages_of(run: "subprocess.Popen[str]") -> list[psutil.Process]:
    """The run's descendants that are stages, in the order of their names."""
    stages = {}
    for child in psutil.Process(run.pid).children(recursive=True):
        try:
            stages[child] = title(child)
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return sorted((stage for stage, name in stages.items() if name in LOADING), key=stages.__getitem__)


@pytest.fixture
def run(commands: Commands, pipeline: Pipeline) -> "subprocess.Popen[str]":
    """A run that takes a while, when all that load are there and the producer waits for room on the queue."""
    generate(pipeline.data, people=20_000)
    command = [sys.executable, "-m", "pipeline", "run", "--data", str(pipeline.data)]
    options = ["--chunk-rows", "10", "--queue-limit", "1"]
    run = start_process([*command, *options], commands.services.environment, own_group=True)
    wait_until(lambda: [title(stage) for stage in stages_of(run)] == LOADING)
    wait_until(
        lambda: pipeline.rows("SELECT count(*) > 3 FROM load_chunks WHERE committed_at IS NOT NULL") == [(True,)]
    )
    return run


def test_no_stage_outlives_a_run_that_is_killed(run: "subprocess.Popen[str]", pipeline: Pipeline) -> None:
    stages = stages_of(run)
    run.kill()
    run.communicate(timeout=10)
    wait_until(lambda: not any(stage.is_running() and stage.status() != psutil.STATUS_ZOMBIE for stage in stages), 10)
    assert pipeline.queue.state().workers == 0


def test_a_run_says_by_what_its_producer_was_ended(run: "subprocess.Popen[str]") -> None:
    producer, *_ = stages_of(run)
    producer.kill()
    _, err = run.communicate(timeout=20)
    assert run.returncode == 1
    assert err.endswith("error: the producer was ended by SIGKILL; run it again to go on\n")


def test_ctrl_c_is_answered_once(run: "subprocess.Popen[str]", pipeline: Pipeline) -> None:
    os.killpg(run.pid, signal.SIGINT)  # a terminal's Ctrl-C goes to each process of the group
    _, err = run.communicate(timeout=20)
    assert run.returncode == 130, err
    assert err.count("interrupted") == 1, err
    assert "Traceback" not in err
    assert "ignored" not in err
    assert pipeline.queue.state().workers == 0
    assert not pipeline.queue.state().producing


def test_stages_log_as_the_run_was_told_to(commands: Commands, pipeline: Pipeline) -> None:
    generate(pipeline.data, people=100)
    ended = commands.run("pipeline", "run", "--data", str(pipeline.data), "--log-format", "json", "--debug")
    assert ended.returncode == 0, ended.stderr
    entries = [json.loads(line) for line in ended.stderr.splitlines()]
    assert {"worker", "producer"} <= {
        entry["logger"].partition(".")[0] for entry in entries if entry["level"] == "debug"
    }


def test_a_temporary_folder_that_cannot_hold_a_socket_is_named(commands: Commands, pipeline: Pipeline) -> None:
    folder = pipeline.data / ("long" * 25)  # a socket's path has room for a hundred characters
    folder.mkdir()
    ended = commands.run("pipeline", "run", "--data", str(pipeline.data), TMPDIR=str(folder))
    assert ended.returncode == 2
    assert f"error: TMPDIR: cannot make a socket in '{folder}': AF_UNIX path too long; name another" in ended.stderr


def test_stages_can_be_spawned_where_they_cannot_be_forked(commands: Commands, pipeline: Pipeline) -> None:
    """As on macOS."""
    generate(pipeline.data, people=100)
    script = (
        "import multiprocessing\n"
        "from pipeline import stages\n"
        "from pipeline.__main__ import main\n"
        "if __name__ == '__main__':\n"
        "    stages.processes = multiprocessing.get_context('spawn')\n"
        "    main()\n"
    )
    (pipeline.data / "spawning.py").write_text(script)
    command = [sys.executable, str(pipeline.data / "spawning.py"), "run", "--data", str(pipeline.data)]
    ended = subprocess.run(command, cwd=PROJECT, env=commands.services.environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "people.csv: 100 of 100 rows queued" in ended.stdout
    expected = (pipeline.data / "sample_output.json").read_bytes()
    assert (pipeline.data / "summary_output.json").read_bytes() == expected
