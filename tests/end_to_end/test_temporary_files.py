"""What a killed run leaves in the folder of temporary files."""

import gzip
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.conftest import PEOPLE, PLACES, Commands, Pipeline
from tests.forked import start_forked
from tests.support import wait_until


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Not below pytest's own folder, whose path can be too long for a socket's."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def kill_the_run_alone(run: psutil.Process) -> None:
    run.kill()


def kill_all_its_processes(run: psutil.Process) -> None:
    os.killpg(run.pid, signal.SIGKILL)


@pytest.mark.parametrize("kill", [kill_the_run_alone, kill_all_its_processes])
def test_a_killed_run_leaves_no_temporary_file(
    commands: Commands, pipeline: Pipeline, temporary: Path, kill: Callable[[psutil.Process], None]
) -> None:
    """Killed while the producer reads its copy of a file, and workers load chunks of it."""
    pipeline.write(places=PLACES)
    people = PEOPLE + PEOPLE.splitlines(keepends=True)[1] * 3_000
    (pipeline.data / "people.csv.gz").write_bytes(gzip.compress(people.encode()))
    command = ["pipeline", "run", "--data", str(pipeline.data), "--chunk-rows", "1"]
    environment = {**commands.services.environment, "TMPDIR": str(temporary)}
    process = start_forked([*command, "--queue-limit", "1"], environment, own_group=True)
    wait_until(lambda: pipeline.rows("SELECT true FROM people LIMIT 1"))
    run = psutil.Process(process.pid)
    family = [run, *run.children(recursive=True)]
    kill(run)
    process.communicate()
    wait_until(lambda: not any(member.is_running() for member in family))
    assert list(temporary.iterdir()) == []
