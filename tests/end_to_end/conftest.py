"""`pipeline run` as a process: its stages, and the embedded servers that it starts."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from pipeline.embedded.servers import running
from pipeline.embedded.state_folder import claim
from tests.conftest import PEOPLE, PLACES, Commands, Pipeline
from tests.end_to_end.embedded_runs import copy_state, servers_in
from tests.end_to_end.embedded_runs import run as load
from tests.forked import start_forked
from tests.support import administer, generate, wait_until

# Two thirds of a cluster's files, which runs do not need, and tests would copy.
WITHOUT_TEMPLATES = [
    statement
    for name in ("template0", "template1")
    for statement in (f"ALTER DATABASE {name} IS_TEMPLATE false", f"DROP DATABASE {name}")
]
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
    command = ["pipeline", "run", "--data", str(pipeline.data), "--queue-limit", "1"]
    started = []

    def start(chunk_rows: int = 10, people: int = 5_000) -> "subprocess.Popen[str]":
        generate(pipeline.data, people)
        options = ["--chunk-rows", str(chunk_rows)]
        started.append(start_forked([*command, *options], commands.services.environment, own_group=True))
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
    wait_until(lambda: pipeline.rows(committed) == [(True,)])
    wait_until(lambda: [title(stage) for stage in stages_of(run)] == LOADING)
    return run


@pytest.fixture
def folder() -> Iterator[Path]:
    """With a space in its path, and open to the account that stands in for root."""
    with tempfile.TemporaryDirectory(prefix="two words ") as path:
        Path(path).chmod(0o755)
        yield Path(path)
        for process in servers_in(Path(path)):
            with suppress(psutil.NoSuchProcess):  # ended with PostgreSQL's first process
                process.kill()


def write_files(data: Path) -> Path:
    data.mkdir()
    (data / "places.csv").write_text(PLACES)
    (data / "people.csv").write_text(PEOPLE)
    return data


@pytest.fixture
def data(folder: Path) -> Path:
    return write_files(folder / "data")


@pytest.fixture(scope="session")
def loaded_state() -> Iterator[Path]:
    """The state of embedded servers into which a run has loaded the files of `data`; for tests to copy."""
    with tempfile.TemporaryDirectory(prefix="loaded ") as path:
        Path(path).chmod(0o755)
        state = Path(path) / "state"
        with running(state) as servers:
            password = urlsplit(servers.database_url).password
            # Hashed once, and not 4,096 times, for each connection.
            hashed_once = ("SET scram_iterations = 1", f"ALTER ROLE pipeline PASSWORD '{password}'")
            administer(servers.database_url, *hashed_once, *WITHOUT_TEMPLATES)
            load(write_files(Path(path) / "data"), state)
        if (software := state / "software").exists():  # of root, who copies the servers' programs; 100 MB
            software.symlink_to(software.rename(Path(path) / "software"))
        for port in state.glob("*.port"):  # a copy has them when its servers answer
            port.unlink()
        yield state


@pytest.fixture
def state(folder: Path, loaded_state: Path) -> Path:
    """A state folder of the test's own, in which the files of `data` are loaded already."""
    return copy_state(loaded_state, folder / "state")


@pytest.fixture
def empty_state(folder: Path, loaded_state: Path) -> Path:
    """A state folder with nothing but the programs of root's servers: to copy them takes 0.2 s of CPU."""
    state = claim(folder / "state")
    if (software := loaded_state / "software").exists():
        (state / "software").symlink_to(software.resolve())
    return state
