"""Producer and workers of an earlier version and workers of this one share a load: its outcome is exact."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pipeline import PROJECT
from tests.conftest import Commands, Pipeline, Services, held
from tests.support import expected_people, generate, wait_until

TEMPLATE = "template1"  # an empty database: the earlier version makes its tables
EARLIER = "6a5a6ade0a6095cec8c615df10027778c86d5a0d"  # the oldest that runs with the packages of this version
PEOPLE = 60_000
CHUNK_ROWS = 300
TIMEOUT = 60  # seconds
COMMITTED = "SELECT count(*) FROM load_chunks WHERE committed_at IS NOT NULL"
WORKERS = "SELECT count(DISTINCT worker) FROM load_chunks WHERE row_count > 0"


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of the earlier version; the tests are skipped where the history is missing."""
    archive = subprocess.run(["git", "archive", EARLIER], cwd=PROJECT, capture_output=True)
    if archive.returncode:
        pytest.skip(f"the history does not have commit {EARLIER[:7]}: {archive.stderr.decode().strip()}")
    folder = tmp_path_factory.mktemp("earlier")
    subprocess.run(["tar", "-x"], cwd=folder, input=archive.stdout, check=True)
    return folder


StartEarlier = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start_earlier(earlier: Path, services: Services) -> Iterator[StartEarlier]:
    """Starts commands of the earlier version: -m takes modules from the current folder first."""
    started = []

    def start(*command: str, **environment: str) -> "subprocess.Popen[str]":
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=earlier,
                env={**services.environment, **environment},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            process.kill()
        process.communicate()


def end(process: "subprocess.Popen[str]", timeout: float = TIMEOUT) -> None:
    _, err = process.communicate(timeout=timeout)
    assert process.returncode == 0, err


def test_old_and_new_workers_share_a_load(
    start_earlier: StartEarlier, commands: Commands, services: Services, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    generate(data, PEOPLE)
    folders = {"DATA_DIR": str(data), "OUTPUT_DIR": str(data)}
    end(start_earlier("pipeline", "schema", **folders))
    pipeline = Pipeline(services, data)
    old = [start_earlier("worker") for _ in range(2)]
    producer = start_earlier("producer", **folders, CHUNK_ROWS=str(CHUNK_ROWS), QUEUE_LIMIT="4")
    wait_until(lambda: pipeline.rows(COMMITTED) >= [(10,)])
    producer.send_signal(signal.SIGSTOP)  # so that enough is left to load, however fast it is

    end(commands.start("pipeline", "schema", **folders))
    new = [commands.start("worker") for _ in range(2)]
    wait_until(lambda: pipeline.queue.connection.scard("rq:workers:chunks") == 4)
    producer.send_signal(signal.SIGCONT)
    wait_until(lambda: pipeline.rows(WORKERS) >= [(4,)])
    assert producer.poll() is None
    for worker in old:
        worker.terminate()
        end(worker)
    end(producer)
    end(commands.start("exporter", **folders))
    for worker in new:
        worker.terminate()
        end(worker)

    assert held(pipeline) == expected_people(data)
    pipeline.check_reconciliation_of({"people.csv": PEOPLE})
    assert pipeline.counts()["inserted"] == PEOPLE
    assert (data / "summary_output.json").read_bytes() == (data / "sample_output.json").read_bytes()
    pipeline.close()
