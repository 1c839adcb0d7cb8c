"""A worker killed at any moment: another reclaims its chunk within 30 s, and the outcome is the same."""

import signal
import time
from collections.abc import Callable
from typing import cast

import pytest

from tests.faults.conftest import RECOVERY_TIMEOUT, Run
from tests.support import wait_until

KILLED = 6  # workers at each moment; one more lives, and is idle when their chunks are due
INTERMEDIATE = "rq:queue:chunks:intermediate"


def in_hand(run: Run) -> set[str]:
    """The chunks that workers have, by the key that the queue's state names."""
    database = run.value("SELECT id::text FROM installation")
    dequeued = cast(list[bytes], run.redis.lrange(INTERMEDIATE, 0, -1))
    started = cast(list[bytes], run.redis.zrange("rq:wip:chunks", 0, -1))
    return {entry.decode().removeprefix(f"{database}-").partition(":")[0] for entry in (*dequeued, *started)}


def kill(run: Run, count: int) -> tuple[float, set[str]]:
    """Kills workers, the first ones; returns when, and the jobs that they and the living one had."""
    jobs = in_hand(run)
    for worker in run.workers[:count]:
        worker.kill()
    killed = time.time()
    for worker in run.workers[:count]:
        worker.communicate()
        assert worker.returncode == -signal.SIGKILL
    del run.workers[:count]
    return killed, jobs


def between_dequeue_and_start(run: Run) -> tuple[float, set[str]]:
    """The job is the worker's, and the worker does not know yet: it is stopped while it waits for one."""
    wait_until(lambda: are_stopped_while_they_wait(run))
    run.redis.rename("parked", "rq:queue:chunks")
    wait_until(lambda: run.redis.llen(INTERMEDIATE) >= KILLED - 1)
    return kill(run, KILLED)


def are_stopped_while_they_wait(run: Run) -> bool:
    """Stops workers; lets them go on if one was not waiting, but starting or looking after what others left."""
    for worker in run.workers[:KILLED]:
        worker.send_signal(signal.SIGSTOP)
    if run.redis.info("clients")["blocked_clients"] == KILLED + 1:
        return True
    for worker in run.workers[:KILLED]:
        worker.send_signal(signal.SIGCONT)
    return False


def before_the_first_row(run: Run) -> tuple[float, set[str]]:
    """The transaction waits for the chunk's own row of the ledger."""
    with run.holding("SELECT FROM load_chunks FOR UPDATE"):
        run.redis.rename("parked", "rq:queue:chunks")
        wait_until(lambda: run.waiting_sessions() == KILLED + 1)
        return kill(run, KILLED)


def inside_the_transaction(run: Run) -> tuple[float, set[str]]:
    """The rows are copied, and neither rejected rows nor the ledger are written."""
    with run.holding("LOCK TABLE rejected_rows IN SHARE MODE"):
        run.redis.rename("parked", "rq:queue:chunks")
        wait_until(lambda: run.waiting_sessions() == KILLED + 1)
        return kill(run, KILLED)


def between_commit_and_ack(run: Run) -> tuple[float, set[str]]:
    """The chunk is committed, and Redis has not heard of it."""
    with run.holding("LOCK TABLE rejected_rows IN SHARE MODE"):
        run.redis.rename("parked", "rq:queue:chunks")
        wait_until(lambda: run.waiting_sessions() == KILLED + 1)
        run.redis.client_pause(60_000, all=False)  # writes alone
    run.wait_for_chunks(KILLED + 1)
    killed, jobs = kill(run, KILLED)
    run.redis.client_unpause()
    return killed, jobs


@pytest.mark.parametrize(
    "moment", [between_dequeue_and_start, before_the_first_row, inside_the_transaction, between_commit_and_ack]
)
def test_the_chunks_of_killed_workers_are_reclaimed_within_30_seconds(
    run: Run, moment: Callable[[Run], tuple[float, set[str]]], record_property: Callable[[str, object], None]
) -> None:
    run.load_places()
    producer = run.produce(QUEUE_LIMIT="1000")
    assert producer.wait(60) == 0
    run.redis.rename("rq:queue:chunks", "parked")
    run.start_workers(KILLED + 1)
    killed, jobs = moment(run)
    assert KILLED - 1 <= len(jobs) <= KILLED + 1
    assert len(jobs - run.pipeline.queue.state().under_way) <= 1, "more is done than the living worker can have"
    exporter = run.export()
    wait_until(lambda: not jobs & run.pipeline.queue.state().under_way, timeout=RECOVERY_TIMEOUT)
    recovery = time.time() - killed
    record_property("measured", f"{KILLED} workers killed, all of their chunks settled after {recovery:.1f} s")
    run.finish(producer, exporter)
    run.check_first_load()
