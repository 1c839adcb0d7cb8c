"""Containers that are stopped or killed, and what comes of their load.

`docker stop` sends SIGTERM, and SIGKILL after its grace period of 15 s: exit code 137 would say so.
A worker ends with 0, a producer or exporter that was not done with 143.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from pipeline.ledger import ledger
from pipeline.postgres.database import Database
from pipeline.queue import ChunkQueue
from tests.compose.conftest import PEOPLE, Stack, docker, log
from tests.support import expected_people, generate, wait_until

EXIT_CODE = "{{.Actor.Attributes.exitCode}}"  # of an event


@pytest.fixture
def stopped_workers(stack: Stack) -> Iterator[list[str]]:
    """All workers, none of which is running."""
    workers = stack.containers("worker")
    docker("stop", *workers)
    yield workers
    docker("start", *workers)


@contextmanager
def running(stack: Stack, service: str, **environment: str) -> Iterator[str]:
    """One more container of a stage, in the background; gone at the end."""
    name = f"{stack.project}-one-more-{service}"
    settings = [argument for setting in environment.items() for argument in ("-e", "=".join(setting))]
    started = stack.run("run", "-d", "--no-deps", "--name", name, *settings, service)
    assert started.returncode == 0, started.stderr
    try:
        yield name
    finally:
        docker("rm", "--force", "--volumes", name)


def start_again(worker: str) -> None:
    """Starts a worker and waits until it is ready, as the next test expects it."""
    starts = log(worker).count("worker ready")
    docker("start", worker)
    wait_until(lambda: log(worker).count("worker ready") == starts + 1)


def check_ended_in_order(stack: Stack, *containers: str, code: int = 0) -> None:
    for container in containers:
        state = stack.inspect(container)["State"]
        assert (state["Status"], state["ExitCode"]) == ("exited", code), log(container)


def check_completed_by_running_again(stack: Stack) -> None:
    for stage in ("producer", "exporter"):
        ended = stack.run("run", "-T", "--rm", stage)
        assert ended.returncode == 0, ended.stderr
    assert stack.people() == expected_people(stack.data)
    assert (stack.data / "summary_output.json").read_bytes() == (stack.data / "sample_output.json").read_bytes()


def test_docker_stop_ends_a_worker_in_order(stack: Stack) -> None:
    worker = stack.containers("worker")[-1]
    docker("stop", worker)
    check_ended_in_order(stack, worker)
    start_again(worker)


def test_docker_stop_of_producer_and_workers_in_mid_load_loses_nothing(stack: Stack) -> None:
    generate(stack.data, PEOPLE, seed=2)
    workers = stack.containers("worker")
    progress = "SELECT committed_chunks > 0, complete FROM load_progress WHERE current AND source = 'people.csv'"
    with running(stack, "producer", CHUNK_ROWS="20") as producer:
        wait_until(lambda: stack.rows(progress) == [(True, False)])
        docker("stop", producer, *workers)
        check_ended_in_order(stack, producer, code=143)
        check_ended_in_order(stack, *workers)
        assert stack.rows(progress) == [(True, False)]
    docker("start", *workers)
    check_completed_by_running_again(stack)


def test_docker_stop_ends_a_producer_that_waits_for_room(stack: Stack, stopped_workers: list[str]) -> None:
    generate(stack.data, PEOPLE, seed=3)
    with Database(stack.database_url, "tests").transaction() as tx:
        queue = ChunkQueue.at(stack.redis_url, "chunks", ledger.installation(tx))
    with running(stack, "producer", QUEUE_LIMIT="1") as producer:
        wait_until(lambda: queue.length() == 1)
        docker("stop", producer)
        check_ended_in_order(stack, producer, code=143)
    assert queue.length() == 1
    docker("start", *stopped_workers)
    check_completed_by_running_again(stack)


def test_docker_stop_ends_an_exporter_that_waits_for_the_drain(stack: Stack, stopped_workers: list[str]) -> None:
    summary = stack.data / "summary_output.json"
    as_it_was = summary.read_bytes()
    generate(stack.data, PEOPLE, seed=4)
    with running(stack, "producer", QUEUE_LIMIT=str(PEOPLE)) as producer:
        docker("wait", producer)
        check_ended_in_order(stack, producer)
    with running(stack, "exporter") as exporter:
        wait_until(lambda: "no worker is running" in log(exporter))
        docker("stop", exporter)
        check_ended_in_order(stack, exporter, code=143)
    assert summary.read_bytes() == as_it_was
    docker("start", *stopped_workers)
    check_completed_by_running_again(stack)


def told_to_stop_from_inside(stack: Stack, container: str) -> None:  # noqa: ARG001
    docker("exec", container, "sh", "-c", "kill -TERM 1")


def killed_from_the_host(stack: Stack, container: str) -> None:
    os.kill(stack.inspect(container)["State"]["Pid"], signal.SIGKILL)


only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can kill a container's process")


@pytest.mark.parametrize(
    ("end", "code"), [(told_to_stop_from_inside, 0), pytest.param(killed_from_the_host, 137, marks=only_root)]
)
def test_a_worker_that_ends_is_started_again(stack: Stack, end: Callable[[Stack, str], None], code: int) -> None:
    worker = stack.containers("worker")[0]
    began, starts = time.time(), log(worker).count("worker ready")
    end(stack, worker)
    wait_until(lambda: log(worker).count("worker ready") == starts + 1)
    assert stack.inspect(worker)["State"]["Running"]
    period = ("--since", f"{began:.3f}", "--until", f"{time.time():.3f}")
    ends = docker("events", *period, "--filter", f"container={worker}", "--filter", "event=die", "--format", EXIT_CODE)
    assert ends.split() == [str(code)]


def test_docker_kill_counts_as_a_stop_by_hand(stack: Stack) -> None:
    worker = stack.containers("worker")[0]
    docker("kill", worker)
    docker("wait", worker)
    state = stack.inspect(worker)["State"]
    assert (state["Status"], state["ExitCode"]) == ("exited", 137)
    start_again(worker)
