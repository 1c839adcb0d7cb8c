"""Twenty faults drawn from a seed while three versions of a file are loaded, one over the other.

The seed is printed; FAULTS_SEED=... make faults draws the same ones again.
"""

import logging
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from tests.faults.conftest import WORKERS, Run
from tests.support import generate, wait_until

FAULTS = 20
VERSIONS = {1: 200_000, 2: 150_000, 3: 200_000}  # seed of the generated data: people
ATTEMPTS = 6  # runs of producer and exporter in which each version is complete, with everything standing again
LONGEST_PAUSE = 1.5  # seconds between faults
QUEUE = "rq:queue:chunks"

logger = logging.getLogger("faults")


def kill_worker(run: Run, draw: random.Random) -> None:
    victim = run.workers.pop(draw.randrange(len(run.workers)))
    victim.kill()
    victim.communicate()


def stop_worker(run: Run, draw: random.Random) -> None:
    frozen = [worker for _, worker in run.thawing]
    worker = draw.choice([worker for worker in run.workers if worker not in frozen] or run.workers)
    worker.send_signal(signal.SIGCONT)
    run.workers.remove(worker)
    worker.terminate()
    _, err = worker.communicate(timeout=10)
    assert worker.returncode == 0, err


def freeze_worker(run: Run, draw: random.Random) -> None:
    """For longer than its heartbeats last: another takes its chunk up, and then it goes on."""
    worker = draw.choice(run.workers)
    worker.send_signal(signal.SIGSTOP)
    run.thawing.append((time.monotonic() + 14, worker))


def kill_producer(run: Run, _: random.Random) -> None:
    for process in run.others:
        if "producer" in cast(list[str], process.args) and process.poll() is None:
            process.kill()


def another_producer(run: Run, draw: random.Random) -> None:
    run.produce(CHUNK_ROWS=str(draw.choice((500, 2_000, 20_000))))


def cut_connections(run: Run, _: random.Random) -> None:
    run.value(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


def restart_postgresql(run: Run, draw: random.Random) -> None:
    run.servers.postgresql.stop()
    time.sleep(draw.uniform(0, 3))
    run.servers.start()


def crash_postgresql(run: Run, _: random.Random) -> None:
    run.servers.kill(run.servers.processes_of_postgresql())
    run.servers.start()


def restart_redis(run: Run, draw: random.Random) -> None:
    run.servers.valkey.stop()
    time.sleep(draw.uniform(0, 3))
    run.servers.start()


def kill_redis(run: Run, _: random.Random) -> None:
    run.servers.kill(run.servers.processes_of_redis())
    run.servers.start()


def empty_redis(run: Run, _: random.Random) -> None:
    run.redis.flushall()


def deliver_again(run: Run, draw: random.Random) -> None:
    """Some of what waits is on the queue twice, in another order."""
    waiting = run.queued()
    draw.shuffle(waiting)
    if waiting:
        run.redis.rpush(QUEUE, *waiting[:5])


def lose_jobs(run: Run, _: random.Random) -> None:
    run.redis.rpop(QUEUE, 3)


def forge_job(run: Run, _: random.Random) -> None:
    run.redis.hset("rq:job:forged", mapping={"status": "bogus", "data": b"\x80\x04."})
    run.redis.lpush(QUEUE, "forged")


FAULT_KINDS: tuple[Callable[[Run, random.Random], None], ...] = (
    kill_worker,
    stop_worker,
    freeze_worker,
    kill_producer,
    another_producer,
    cut_connections,
    restart_postgresql,
    crash_postgresql,
    restart_redis,
    kill_redis,
    empty_redis,
    deliver_again,
    lose_jobs,
    forge_job,
)


@pytest.fixture(scope="session")
def versions(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("versions")
    return {seed: generate(folder / str(seed), people, seed) for seed, people in VERSIONS.items()}


def test_the_outcome_is_right_after_any_faults(
    run: Run,
    versions: dict[int, Path],
    record_property: Callable[[str, object], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    seed = int(os.environ.get("FAULTS_SEED") or random.randrange(1_000_000))
    logger.info("FAULTS_SEED=%d", seed)
    draw = random.Random(seed)
    faults = draw.choices(FAULT_KINDS, k=FAULTS)
    start = time.monotonic()
    for number, folder in enumerate(versions.values()):
        for file in folder.iterdir():
            shutil.copy(file, run.pipeline.data / file.name)
        run.produce()
        for fault in faults[number :: len(versions)]:
            logger.info("after %.1f s: %s", time.monotonic() - start, fault.__name__)
            run.start_workers(WORKERS - len(run.workers))
            fault(run, draw)
            thaw(run)
            time.sleep(draw.uniform(0, LONGEST_PAUSE))
    wait_until(lambda: not thaw(run))
    complete(run)
    record_property("measured", f"seed {seed}, {FAULTS} faults in {time.monotonic() - start:.0f} s")


def thaw(run: Run) -> bool:
    """Lets frozen workers go on whose time has come; returns whether others are left."""
    for due, worker in list(run.thawing):
        if time.monotonic() >= due or worker not in run.workers:
            worker.send_signal(signal.SIGCONT)
            run.thawing.remove((due, worker))
    return bool(run.thawing)


def complete(run: Run) -> None:
    """Producer and exporter, run again as their messages say, end with the last version in the tables.

    One after the other, as `pipeline run` and compose have it: no producer may have lived to seal the last version, and
    an exporter that looks before one has done so finds the version before complete.
    """
    run.start_workers(WORKERS - len(run.workers))
    for process in run.others:
        process.communicate(timeout=120)
    assert any(ends_well(run.produce()) and ends_well(run.export()) for _ in range(ATTEMPTS))
    run.redis.delete("rq:failed:chunks")  # the forged ones
    run.stop_workers()
    run.check()


def ends_well(process: "subprocess.Popen[str]") -> bool:
    _, err = process.communicate(timeout=120)
    if process.returncode:
        logger.info("again: %s", err)
    return process.returncode == 0
