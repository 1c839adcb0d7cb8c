"""PostgreSQL or Redis frozen: every wait ends at DRAIN_TIMEOUT, within a few seconds, and names the server."""

import json
import subprocess
import sys
import time
from collections.abc import Callable

import psutil
import pytest

from exporter.export import export
from exporter.report import find_reports
from pipeline.errors import DrainTimeoutError
from pipeline.waiting import Deadline, retry_transient
from tests.faults.conftest import QUEUE_LIMIT, OwnServers, Run
from tests.support import start_process, wait_until

DRAIN_TIMEOUT = 3  # seconds
MOST_OVER = 10.0  # seconds that a wait may last longer


def check_timed_out(process: "subprocess.Popen[str]", start: float, server: str) -> None:
    _, err = process.communicate(timeout=60)
    seconds = time.monotonic() - start
    assert process.returncode == 4, err
    last = json.loads(err.splitlines()[-1])["message"]
    assert last.startswith(f"DRAIN_TIMEOUT: not done after {DRAIN_TIMEOUT} s: {server}"), err
    assert last.endswith("; run it again when the server answers")
    assert seconds < DRAIN_TIMEOUT + MOST_OVER


@pytest.mark.parametrize(
    ("processes", "named"),
    [
        (OwnServers.processes_of_postgresql, "PostgreSQL at 127.0.0.1"),
        (OwnServers.processes_of_redis, "Redis does not serve: Timeout"),
    ],
)
def test_an_exporter_that_waits_for_the_drain_ends_in_time(
    run: Run, processes: Callable[[OwnServers], list[psutil.Process]], named: str
) -> None:
    others = {client["id"] for client in run.redis.client_list()}
    exporter = run.export(DRAIN_TIMEOUT=str(DRAIN_TIMEOUT))
    looks = "exec"  # for the last command of its look at the queue
    wait_until(lambda: looks in {client["cmd"] for client in run.redis.client_list() if client["id"] not in others})
    with run.servers.frozen(processes(run.servers)):
        check_timed_out(exporter, time.monotonic(), named)


def test_a_producer_that_waits_for_room_ends_in_time_while_redis_is_frozen(run: Run) -> None:
    producer = run.produce(DRAIN_TIMEOUT=str(DRAIN_TIMEOUT))
    wait_until(lambda: run.pipeline.queue.length() == QUEUE_LIMIT)
    with run.servers.frozen(run.servers.processes_of_redis()):
        check_timed_out(producer, time.monotonic(), "Redis does not serve: Timeout")


def test_a_producer_that_waits_for_a_lock_ends_in_time_while_postgresql_is_frozen(run: Run) -> None:
    with run.holding("LOCK TABLE loads IN ACCESS EXCLUSIVE MODE"):
        producer = run.produce(DRAIN_TIMEOUT=str(DRAIN_TIMEOUT))
        wait_until(lambda: run.waiting_sessions("producer") == 1)
        with run.servers.frozen(run.servers.processes_of_postgresql()):
            check_timed_out(producer, time.monotonic(), "PostgreSQL at 127.0.0.1")


def test_a_run_that_applies_the_schema_ends_in_time_while_postgresql_is_frozen(run: Run) -> None:
    with run.holding("LOCK TABLE installation IN ACCESS EXCLUSIVE MODE"):
        command = [sys.executable, "-m", "pipeline", "run", "--data", str(run.pipeline.data)]
        options = ["--drain-timeout", str(DRAIN_TIMEOUT), "--log-format", "json"]
        process = start_process([*command, *options], run.commands.services.environment)
        run.others.append(process)
        wait_until(lambda: run.waiting_sessions("schema") == 1)
        with run.servers.frozen(run.servers.processes_of_postgresql()):
            check_timed_out(process, time.monotonic(), "PostgreSQL at 127.0.0.1")


def test_an_exporter_that_writes_reports_ends_in_time_and_leaves_the_previous_ones(run: Run) -> None:
    """Each of its four connections waits for PostgreSQL."""
    run.load_places()
    reports = run.pipeline.data / "reports"
    reports.mkdir()
    database = run.pipeline.database.another()
    queries = find_reports(reports, run.pipeline.data)
    assert export(database, queries, reports)
    previous = {path.name: path.read_bytes() for path in reports.iterdir()}
    (reports / "loads.csv").unlink()
    with run.holding("LOCK TABLE places IN ACCESS EXCLUSIVE MODE"):
        start = time.monotonic()
        with pytest.raises(DrainTimeoutError, match="did not answer in time"), Deadline(DRAIN_TIMEOUT) as deadline:
            retry_transient(lambda: export(database, queries, reports), deadline=deadline)
        assert time.monotonic() - start < DRAIN_TIMEOUT + MOST_OVER
    del previous["loads.csv"]
    assert {path.name: path.read_bytes() for path in reports.iterdir()} == previous
