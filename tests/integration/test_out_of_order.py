"""Chunks that wait for others: behind what they wait for, at no cost, and not for ever."""

from typing import Any

import pytest
from rq import Worker

from exporter.drain import drain
from pipeline.errors import PipelineError
from pipeline.queue import rq_queue
from tests.conftest import PEOPLE, PLACES, Pipeline

JOBS = "rq:queue:chunks"
CAUSE = "PostgreSQL error 23514 (CheckViolation) on forbidden"


def forbid(pipeline: Pipeline, condition: str) -> None:
    """Rows of places that do not meet the condition cannot be stored."""
    with pipeline.database.transaction() as tx:
        tx.run(f"ALTER TABLE places ADD CONSTRAINT forbidden CHECK ({condition})")


def permit(pipeline: Pipeline) -> None:
    with pipeline.database.transaction() as tx:
        tx.run("ALTER TABLE places DROP CONSTRAINT forbidden")


def failures(pipeline: Pipeline) -> dict[str, str]:
    """The reason of each failed chunk, by the chunk as it is named in messages."""
    reasons = {}
    connection: Any = pipeline.queue.connection
    for entry in connection.zrange("rq:failed:chunks", 0, -1):
        description = connection.hget(b"rq:job:" + entry, "description")
        reasons[description.decode()] = pipeline.queue.failure(entry.decode())
    return reasons


def attempts(log: str, chunk: str) -> int:
    return log.count(f"{chunk} failed after")


def test_chunks_that_wait_for_a_failed_one_fail_once_and_name_it(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("exporter.stuck.MISSING_GRACE", 0.2)
    forbid(pipeline, "false")
    pipeline.write(places=PLACES, people=PEOPLE)
    pipeline.produce(chunk_rows=2)
    pipeline.work()
    reason = "which failed: " + CAUSE
    waits = f"waits for places.csv chunk 1 (rows 1 to 2), {reason}; correct the cause, then run the producer again"
    assert failures(pipeline) == {
        "places.csv chunk 1 (rows 1 to 2)": CAUSE,
        "places.csv chunk 2 (rows 3 to 3)": f"places.csv chunk 2 {waits}",
        "people.csv chunk 1 (rows 1 to 2)": f"people.csv chunk 1 {waits}",
        "people.csv chunk 2 (rows 3 to 4)": f"people.csv chunk 2 {waits}",
    }
    assert attempts(caplog.text, "places.csv chunk 1 (rows 1 to 2)") == 6
    for chunk in ("places.csv chunk 2 (rows 3 to 3)", "people.csv chunk 1 (rows 1 to 2)"):
        assert attempts(caplog.text, chunk) == 1
    with pytest.raises(PipelineError, match=r"^places.csv chunk 1 \(rows 1 to 2\) failed every time: "):
        drain(pipeline.database, pipeline.queue, timeout=30)
    permit(pipeline)
    pipeline.load()
    assert len(pipeline.people()) == 4
    assert not pipeline.queue.state().failed


def test_a_chunk_that_waits_for_a_lost_one_fails_with_the_remedy(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.order.LOST_AFTER", 0.2)
    pipeline.write(places=PLACES, people=PEOPLE)
    pipeline.produce()
    pipeline.queue.connection.lpop(JOBS)
    pipeline.work()
    assert failures(pipeline) == {
        "people.csv chunk 1 (rows 1 to 4)": "people.csv chunk 1 waits for places.csv"
        " chunk 1 (rows 1 to 3), which is neither committed nor on the queue; run the producer again"
    }
    pipeline.load()
    assert len(pipeline.people()) == 4
    assert not pipeline.queue.state().failed


def test_the_failure_that_others_come_from_is_kept_however_many_there_are(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rq_queue, "FAILURES_KEPT", 4)
    forbid(pipeline, "false")
    pipeline.write(places=PLACES, people=PEOPLE)
    pipeline.produce(chunk_rows=1)
    pipeline.work()
    pipeline.work()  # a worker that starts removes the failed jobs that are too many
    kept = failures(pipeline)
    assert len(kept) == 4
    assert "places.csv chunk 1 (rows 1 to 1)" in kept
    permit(pipeline)
    pipeline.load()
    assert len(pipeline.people()) == 4


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """What `rq info` says at the end of each worker: its jobs that succeeded, and those that failed."""
    counts: list[tuple[int, int]] = []
    register_death = Worker.register_death

    def noting_counts(worker: Worker) -> None:
        worker.refresh()
        counts.append((worker.successful_job_count, worker.failed_job_count))
        register_death(worker)  # type: ignore[no-untyped-call]  # as RQ has it

    monkeypatch.setattr("rq.worker.BaseWorker.register_death", noting_counts)
    return counts


@pytest.mark.parametrize("leaves", [{}, {"last_heartbeat": "2026-01-02T03:04:05.000000Z"}])
def test_a_job_that_another_worker_has_ended_meanwhile_is_no_failure(
    pipeline: Pipeline, counts: list[tuple[int, int]], caplog: pytest.LogCaptureFixture, leaves: dict[str, str]
) -> None:
    """As for a worker that comes back after its network was cut; its heartbeat may have written a field again."""
    pipeline.write(places=PLACES)
    pipeline.produce()
    connection: Any = pipeline.queue.connection

    def load_as_another_does(*chunk: Any) -> None:
        pipeline.loader.load_chunk(*chunk)
        [job] = connection.keys("rq:job:*")
        connection.delete(job)
        if leaves:
            connection.hset(job, mapping=leaves)

    pipeline.queue.work(load_as_another_does, burst=True)
    assert [failed for _, failed in counts] == [0]
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
    assert pipeline.queue.state().failed == {}
    assert connection.keys("rq:job:*") == connection.zrange("rq:wip:chunks", 0, -1) == []
    pipeline.check_reconciliation()


def test_a_chunk_that_is_put_back_leaves_no_trace_of_a_failure(
    pipeline: Pipeline, counts: list[tuple[int, int]]
) -> None:
    pipeline.write(places=PLACES, people=PEOPLE)
    pipeline.produce()
    places, people = pipeline.queue.connection.lrange(JOBS, 0, -1)
    pipeline.queue.connection.delete(JOBS)
    pipeline.queue.connection.rpush(JOBS, people, places)
    pipeline.work()
    assert counts == [(2, 0)]
    assert len(pipeline.people()) == 4
    assert pipeline.queue.connection.keys("rq:results:*") == []


def test_chunks_of_places_in_the_worst_order_are_loaded_without_pauses(
    pipeline: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "pipeline.queue.worker")
    cities = "".join(f"City {number},Fife,Scotland\n" for number in range(12))
    pipeline.write(places=PLACES + cities, people=PEOPLE)
    pipeline.produce(chunk_rows=2)
    entries = pipeline.queue.connection.lrange(JOBS, 0, -1)
    pipeline.queue.connection.delete(JOBS)
    pipeline.queue.connection.rpush(JOBS, *reversed(entries))
    pipeline.work()
    pipeline.check_reconciliation()
    assert caplog.text.count("is requeued: ") <= len(entries)
