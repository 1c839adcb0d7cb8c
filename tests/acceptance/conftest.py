"""`pipeline run` as a process: its stages, and the embedded servers that it starts."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from pipeline import PROJECT
from tests.conftest import PEOPLE, PLACES, Commands, Pipeline, generate, start_process, wait_until

LOADING = ["pipeline producer", "pipeline worker", "pipeline worker"]
StartRun = Callable[..., "subprocess.Popen[str]"]


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


def has_ended(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def start(commands: Commands, pipeline: Pipeline) -> Iterator[StartRun]:
    """Starts a run that takes a while, in a process group of its own, as a shell does."""
    generate(pipeline.data, people=20_000)
    command = [sys.executable, "-m", "pipeline", "run", "--data", str(pipeline.data), "--queue-limit", "1"]
    started = []

    def start(chunk_rows: int = 10) -> "subprocess.Popen[str]":
        options = ["--chunk-rows", str(chunk_rows)]
        started.append(start_process([*command, *options], commands.services.environment, own_group=True))
        return started[-1]

    yield start
    for run in started:
        with suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
        run.communicate()


@pytest.fixture
def run(start: StartRun, pipeline: Pipeline) -> "subprocess.Popen[str]":
    """A run in which the producer waits for room on the queue, and workers load."""
    run = start()
    committed = "SELECT count(*) > 3 FROM load_chunks WHERE committed_at IS NOT NULL"
    wait_until(lambda: [title(stage) for stage in stages_of(run)] == LOADING)
    wait_until(lambda: pipeline.rows(committed) == [(True,)])
    return run


BOTH = {"postgres", "valkey-server"}
SUMMARY = '{"Scotland":2,"Ireland":1,"Wales":1}'


@pytest.fixture
def folder() -> Iterator[Path]:
    """With a space in its path, and open to the account that stands in for root."""
    with tempfile.TemporaryDirectory(prefix="two words ") as path:
        Path(path).chmod(0o755)
        yield Path(path)
        for process in servers_in(Path(path)):
            process.kill()


@pytest.fixture
def data(folder: Path) -> Path:
    data = folder / "data"
    data.mkdir()
    (data / "places.csv").write_text(PLACES)
    (data / "people.csv").write_text(PEOPLE)
    return data


def start(data: Path, state: Path, *options: str) -> "subprocess.Popen[str]":
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = [sys.executable, "-m", "pipeline", "run", "--data", str(data), "--state", str(state), *options]
    return start_process(command, environment)


def run(data: Path, state: Path) -> str:
    process = start(data, state)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert (data / "summary_output.json").read_text() == SUMMARY
    return out


def servers_in(folder: Path) -> list[psutil.Process]:
    """PostgreSQL's and Valkey's processes whose data is below a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.name() in BOTH and Path(process.cwd()).is_relative_to(folder.resolve()):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def names_in(folder: Path) -> set[str]:
    return {process.name() for process in servers_in(folder) if process.is_running()}


def reset(state: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "pipeline", "reset", "--state", str(state)]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60)
