"""A chunk delivered twice, or failing every time."""

import subprocess
import sys

from pipeline import PROJECT
from tests.faults.conftest import Run
from tests.support import wait_until

JOBS = "rq:queue:chunks"
FORBIDDEN_ROW = 25_001  # the first of its chunk


def test_every_chunk_delivered_three_times_at_once_and_later_has_one_effect(run: Run) -> None:
    run.load_places()
    producer = run.produce(QUEUE_LIMIT="1000")
    assert producer.wait(60) == 0
    ids = run.queued()
    hashes = {job_id: dict(run.redis.hgetall(b"rq:job:" + job_id)) for job_id in ids}
    run.redis.delete(JOBS)
    for job_id in ids:
        run.redis.rpush(JOBS, job_id, job_id)
    run.start_workers()
    wait_until(lambda: not run.pipeline.queue.state().under_way, timeout=60)
    for job_id, fields in hashes.items():  # later, when all of it is done
        run.redis.hset(b"rq:job:" + job_id, mapping=fields)  # type: ignore[arg-type]
        run.redis.rpush(JOBS, job_id)
    wait_until(lambda: not run.pipeline.queue.state().under_way, timeout=60)
    run.finish(producer, run.export())
    run.check_first_load()


def test_a_chunk_that_fails_every_time_is_named_and_requeued_by_rq_or_the_producer(run: Run) -> None:
    people = run.pipeline.data / "people.csv"
    name = people.read_text().splitlines()[FORBIDDEN_ROW].split(",")[1]
    rule = f"row_number <> {FORBIDDEN_ROW} OR family_name <> '{name}'"
    run.start_workers()
    for remedy in (requeue, produce_again):
        with run.pipeline.database.transaction() as tx:
            tx.run("DELETE FROM people")
            tx.run("DELETE FROM loads WHERE source_id IN (SELECT id FROM sources WHERE name = 'people.csv')")
            tx.run(f"ALTER TABLE people ADD CONSTRAINT forbidden CHECK ({rule})")
        assert run.produce().wait(60) == 0
        exporter = run.export()
        _, err = exporter.communicate(timeout=60)
        assert exporter.returncode == 1, err
        assert "people.csv chunk 51 (rows 25001 to 25500) failed every time" in err
        assert "23514 (CheckViolation) on forbidden" in err
        assert name not in err
        assert run.chunks("committed_at IS NULL") == 1
        with run.pipeline.database.transaction() as tx:
            tx.run("ALTER TABLE people DROP CONSTRAINT forbidden")
        remedy(run)
        exporter = run.export()
        _, err = exporter.communicate(timeout=60)
        assert exporter.returncode == 0, err
        run.check_first_load()
    run.stop_workers()


def test_people_fail_along_with_their_places_and_all_are_requeued_by_the_producer(run: Run) -> None:
    """They keep neither the producer waiting for room nor a worker busy."""
    with run.pipeline.database.transaction() as tx:
        tx.run("ALTER TABLE places ADD CONSTRAINT forbidden CHECK (false)")
    run.start_workers()
    assert run.produce().wait(60) == 0
    exporter = run.export()
    _, err = exporter.communicate(timeout=60)
    assert exporter.returncode == 1, err
    assert "places.csv chunk 1 (rows 1 to 113) failed every time" in err
    assert "23514 (CheckViolation) on forbidden" in err
    wait_until(lambda: not run.pipeline.queue.state().under_way)
    with run.pipeline.database.transaction() as tx:
        tx.run("ALTER TABLE places DROP CONSTRAINT forbidden")
    run.finish(run.produce(), run.export())
    run.check_first_load()


def test_places_that_were_lost_find_room_although_people_who_wait_for_them_fill_the_queue(run: Run) -> None:
    assert run.produce(DRAIN_TIMEOUT="1").wait(60) == 4  # no worker is running
    assert run.redis.lpop(JOBS)
    run.start_workers()
    run.finish(run.produce(QUEUE_LIMIT="4", DRAIN_TIMEOUT="30"), run.export())
    run.check_first_load()


def requeue(run: Run) -> None:
    """As the README has it."""
    ended = subprocess.run(
        [sys.executable, "-m", "rq.cli", "requeue", "--all", "--queue", "chunks"],
        cwd=PROJECT,
        env={**run.commands.services.environment, "RQ_REDIS_URL": run.commands.services.redis_url},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr


def produce_again(run: Run) -> None:
    assert run.produce().wait(60) == 0
