"""The producer killed, superseded, held back, or without a worker to take what it queues."""

import shutil
import signal
import time
from pathlib import Path

from tests.faults.conftest import QUEUE_LIMIT, STOP_TIMEOUT, Run
from tests.support import generate, wait_until

REDIS_BOUND = 64 << 20  # bytes, with the default QUEUE_LIMIT


def test_a_producer_killed_half_way_goes_on_with_the_missing_chunks_when_started_again(run: Run) -> None:
    run.start_workers()
    exporter = run.export()
    for chunks in (10, 30, 50):
        producer = run.produce()
        run.wait_for_chunks(chunks)
        producer.kill()
        assert producer.wait() == -signal.SIGKILL
    run.finish(run.produce(), exporter)
    run.check_first_load()


def test_a_new_version_while_the_old_one_is_loading_ends_as_if_it_alone_had_been_loaded(
    run: Run, tmp_path: Path
) -> None:
    second = tmp_path / "second"
    run.start_workers()
    generate(second, people=40_000, seed=2)
    old = run.produce()
    run.wait_for_chunks(30)
    shutil.copytree(second, run.pipeline.data, dirs_exist_ok=True)
    new = run.produce()
    exporter = run.export()
    old.communicate()  # it may find the file changed in its hands, or queue what is superseded; both are right
    run.finish(new, exporter)
    run.check()
    assert run.value("SELECT bool_or(NOT complete) FROM load_progress WHERE NOT current"), "the old one had ended"


def test_without_workers_the_producer_stops_at_the_limit_says_so_and_goes_on_when_they_come(run: Run) -> None:
    producer = run.produce()
    wait_until(lambda: run.pipeline.queue.length() == QUEUE_LIMIT)
    stderr = producer.stderr
    assert stderr is not None
    said = next(line for line in stderr if "no worker" in line)
    assert "no worker is running; start one with `python -m worker` or `docker-compose up -d worker`" in said
    assert run.pipeline.queue.length() == QUEUE_LIMIT
    run.start_workers()
    run.finish(producer, run.export())
    run.check_first_load()


def test_without_workers_both_end_in_time_with_exit_code_4_and_the_remedy(run: Run) -> None:
    start = time.monotonic()
    producer, exporter = run.produce(DRAIN_TIMEOUT="5"), run.export(DRAIN_TIMEOUT="5")
    for process in (producer, exporter):
        _, err = process.communicate(timeout=30)
        assert process.returncode == 4, err
        assert "DRAIN_TIMEOUT" in err
        assert "start one with `python -m worker`" in err
    assert time.monotonic() - start < 15
    run.start_workers()
    run.finish(run.produce(), run.export())
    run.check_first_load()


def test_redis_holds_no_more_than_the_limit_however_large_the_file(run: Run) -> None:
    """40 chunks of the default size, with no worker at first: 32 of them may wait."""
    generate(run.pipeline.data, people=800_000)
    producer = run.produce(CHUNK_ROWS="20000", QUEUE_LIMIT="32")
    wait_until(lambda: run.pipeline.queue.length() == 32, timeout=60)
    most = [0]
    run.start_workers()

    def is_complete() -> bool:
        most.append(run.redis.info("memory")["used_memory"])
        return producer.poll() is not None

    wait_until(is_complete, timeout=120)
    assert 0 < max(most) < REDIS_BOUND
    run.finish(producer, run.export())
    run.check()


def test_producer_and_exporter_told_to_stop_while_they_wait_end_with_143(run: Run) -> None:
    producer, exporter = run.produce(), run.export()
    wait_until(lambda: run.pipeline.queue.length() == QUEUE_LIMIT)
    for process in (producer, exporter):
        process.terminate()
        _, err = process.communicate(timeout=STOP_TIMEOUT)
        assert process.returncode == 143, err


def test_a_producer_told_to_stop_while_it_waits_for_a_lock_ends_with_143(run: Run) -> None:
    """The statement that seals the load cannot end by itself: it is cancelled."""
    with run.holding("LOCK TABLE loads IN ACCESS EXCLUSIVE MODE"):
        producer = run.produce()
        wait_until(lambda: run.waiting_sessions("producer") == 1)
        producer.terminate()
        _, err = producer.communicate(timeout=STOP_TIMEOUT)
        assert producer.returncode == 143, err
