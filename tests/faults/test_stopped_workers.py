"""A worker told to stop finishes its chunk or rolls it back, and ends with exit code 0 within 10 s."""

import signal
import time
from collections.abc import Callable

import psutil
import pytest

from tests.faults.conftest import STOP_TIMEOUT, WORKERS, OwnServers, Run
from tests.support import wait_until


def test_idle_workers_stop_at_once(run: Run) -> None:
    run.start_workers()
    start = time.monotonic()
    run.stop_workers()
    assert time.monotonic() - start < 2


def test_workers_stopped_in_full_swing_lose_no_chunk_and_the_next_ones_go_on(run: Run) -> None:
    run.start_workers()
    producer, exporter = run.produce(), run.export()
    run.wait_for_chunks(20)
    run.stop_workers()
    assert run.chunks("committed_at IS NULL") > 0
    run.start_workers()
    run.finish(producer, exporter)
    run.check_first_load()


def test_workers_that_wait_for_a_lock_roll_back_when_told_to_stop(run: Run) -> None:
    """The statement cannot end by itself: it is cancelled, and the chunk is at once on the queue again."""
    run.start_workers()
    producer, exporter = run.produce(), run.export()
    run.wait_for_chunks(10)
    with run.stopped_inside_the_transaction():
        committed = run.chunks("committed_at IS NOT NULL")
        run.stop_workers()
        assert run.chunks("committed_at IS NOT NULL") == committed
        wait_until(lambda: not run.waiting_sessions())
        assert not run.redis.zcard("rq:wip:chunks")
    run.start_workers()
    run.finish(producer, exporter)
    run.check_first_load()


def test_workers_that_wait_for_postgresql_to_come_back_stop_in_time(run: Run) -> None:
    run.start_workers()
    producer, exporter = run.produce(), run.export()
    run.wait_for_chunks(10)
    run.servers.postgresql.stop()
    wait_until(lambda: len(run.redis.zrange("rq:wip:chunks", 0, -1)) == WORKERS)
    run.stop_workers()
    run.servers.start()
    run.start_workers()
    run.finish(producer, exporter)
    run.check_first_load()


def test_workers_stop_in_time_while_redis_is_away(run: Run) -> None:
    run.start_workers()
    producer, exporter = run.produce(), run.export()
    run.wait_for_chunks(10)
    run.servers.valkey.stop()
    run.stop_workers()
    run.servers.start()
    run.start_workers()
    run.finish(producer, exporter)
    run.check_first_load()


@pytest.mark.parametrize("server", [OwnServers.processes_of_postgresql, OwnServers.processes_of_redis])
def test_workers_stop_in_time_while_a_server_is_frozen(
    run: Run, server: Callable[[OwnServers], list[psutil.Process]]
) -> None:
    """It keeps its connections and answers nothing."""
    run.start_workers()
    producer = run.produce()
    run.wait_for_chunks(10)
    frozen = server(run.servers)
    try:
        for process in frozen:
            process.suspend()
        run.stop_workers()
    finally:
        for process in frozen:
            process.resume()
    run.start_workers()
    producer.wait(60)
    run.finish(run.produce(), run.export())
    run.check_first_load()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_ends_with_0_when_told_to_stop_and_with_130_when_interrupted(run: Run, number: signal.Signals) -> None:
    run.start_workers(1)
    [worker] = run.workers
    worker.send_signal(number)
    _, err = worker.communicate(timeout=STOP_TIMEOUT)
    assert worker.returncode == (130 if number == signal.SIGINT else 0), err
    run.workers.clear()
