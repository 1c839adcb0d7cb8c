"""Faults of servers and network in mid-load: the tables are right to the row, and no log holds one.

Each person has FIRST_NAME, with an escape that would steer a terminal.
"""

import csv
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
import pytest

from tests.compose.conftest import PEOPLE, Stack, docker, log, logged_errors
from tests.compose.test_stops import check_completed_by_running_again, running
from tests.support import expected_people, generate, wait_until

FIRST_NAME = "Fiona\x1b[31m"
ROW_CONTENTS = ("Fiona", "\x1b")
TAKE_UP_TIMEOUT = 30  # seconds within which others have loaded the chunk of a worker that is cut off
STAGES = ("schema", "producer", "worker", "exporter")
COMMITTED = "SELECT committed_chunks, complete FROM load_progress WHERE current AND source = 'people.csv'"
BLOCKED_WORKERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'pipeline worker'"
)


@pytest.fixture(autouse=True)
def logs(stack: Stack) -> Iterator[None]:
    """Looks through every log at the end."""
    yield
    check_logs(stack)


def new_version(stack: Stack, seed: int, people_count: int = PEOPLE) -> None:
    generate(stack.data, people_count, seed)
    people = stack.data / "people.csv"
    with people.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    with people.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *([FIRST_NAME, *row[1:]] for row in rows)])


@contextmanager
def blocked_in_mid_chunk(stack: Stack) -> Iterator[None]:
    """Every worker has copied the rows of a chunk and cannot record them: it waits for this lock."""
    connection = psycopg2.connect(stack.database_url)
    connection.cursor().execute("LOCK TABLE rejected_rows IN SHARE MODE")
    try:
        wait_until(lambda: stack.rows(BLOCKED_WORKERS) == [(4,)])
        yield
    finally:
        connection.close()


def check_logs(stack: Stack) -> None:
    """Of every container: no row, no escape, and from a stage nothing but JSON on stderr."""
    for service in (*STAGES, "postgres", "redis"):
        for container in stack.containers(service):
            logged = subprocess.run(["docker", "logs", container], capture_output=True, text=True, check=True)
            assert not any(text in logged.stdout + logged.stderr for text in ROW_CONTENTS)
            if service in STAGES:
                for line in logged.stderr.splitlines():
                    assert isinstance(json.loads(line), dict), line


def test_a_worker_that_comes_back_after_its_network_was_cut_reports_no_failure_and_works_on(stack: Stack) -> None:
    new_version(stack, seed=5)
    cut, *others = stack.containers("worker")
    starts = log(cut).count("worker ready")
    with running(stack, "producer"):
        with blocked_in_mid_chunk(stack):
            docker("network", "disconnect", f"{stack.project}_default", cut)
        wait_until(lambda: stack.rows(COMMITTED)[0][1], timeout=TAKE_UP_TIMEOUT)
        docker("network", "connect", f"{stack.project}_default", cut)
    assert stack.people() == expected_people(stack.data)
    docker("stop", *others)
    new_version(stack, seed=6, people_count=10_000)
    check_completed_by_running_again(stack)
    docker("start", *others)
    assert logged_errors(cut) == []
    assert log(cut).count("worker ready") == starts


def test_servers_that_restart_and_workers_that_come_and_go_in_mid_load_lose_nothing(stack: Stack) -> None:
    new_version(stack, seed=7)
    with running(stack, "producer", CHUNK_ROWS="20") as producer:
        wait_until(lambda: stack.rows(COMMITTED)[0][0] > 0)
        docker("restart", *stack.containers("postgres"), *stack.containers("redis"))
        scale_workers(stack, 6)
        assert docker("wait", producer).strip() == "0", log(producer)
    scale_workers(stack, 4)
    check_completed_by_running_again(stack)


def scale_workers(stack: Stack, count: int) -> None:
    scaled = stack.run("up", "-d", "--no-deps", "--scale", f"worker={count}", "worker")
    assert scaled.returncode == 0, scaled.stderr
    assert len(stack.containers("worker")) == count
