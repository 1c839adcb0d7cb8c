"""Drained means done: the ledger says so, not an empty queue; what cannot finish is an error."""

import re
import threading
from dataclasses import replace

import pytest

from exporter import drain as module
from exporter.drain import drain
from pipeline import remedies
from pipeline.cli.progress import Progress
from pipeline.errors import DrainTimeoutError, PipelineError, RefusedJobError, TransientError
from pipeline.ledger import ledger
from pipeline.ledger.chunk import MissingChunk
from pipeline.ledger.load import LoadProgress
from pipeline.postgres.database import Database
from pipeline.waiting import Deadline
from tests.conftest import PEOPLE, PLACES, Pipeline, queue_of
from tests.support import wait_until

JOBS = "rq:queue:chunks"


@pytest.fixture
def sealed(pipeline: Pipeline) -> Pipeline:
    """Places loaded, people queued in two chunks."""
    pipeline.load(places=PLACES)
    pipeline.write(people=PEOPLE)
    pipeline.produce(chunk_rows=2)
    return pipeline


def test_a_drained_ledger_returns_at_once(sealed: Pipeline) -> None:
    sealed.work()
    drain(sealed.database, sealed.queue, timeout=0, meanwhile=pytest.fail)


def test_what_can_be_done_meanwhile_is_done_once(sealed: Pipeline) -> None:
    calls: list[None] = []

    def work() -> None:
        calls.append(None)
        sealed.work()  # without it, the wait would not end

    drain(sealed.database, sealed.queue, timeout=30, meanwhile=work)
    assert len(calls) == 1


def test_progress_leaves_out_loads_that_were_complete_before(sealed: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = []

    class Seen(Progress):
        def __init__(self, verb: str, rows: int, done: int = 0) -> None:
            begun.append((rows, done))
            super().__init__(verb, rows, done)

    monkeypatch.setattr(module, "Progress", Seen)
    with pytest.raises(DrainTimeoutError):
        drain(sealed.database, sealed.queue, timeout=0)
    assert begun == [(4, 0)]  # of people


def test_the_drain_waits_for_a_commit_that_comes_after_the_queue_is_empty(
    sealed: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that is off every list but not committed yet is not done."""
    looks = []
    read_ledger = module._read_ledger

    def look(database: Database, deadline: Deadline) -> tuple[list[LoadProgress], list[MissingChunk]]:
        looks.append(read_ledger(database, deadline))
        return looks[-1]

    monkeypatch.setattr(module, "_read_ledger", look)
    blocker = Database(sealed.services.database_url, "tests")
    drained = threading.Event()

    def wait() -> None:
        drain(Database(sealed.services.database_url, "exporter"), queue_of(sealed.services), 30)
        drained.set()

    exporter = threading.Thread(target=wait)
    with blocker.transaction() as tx:
        tx.rows("SELECT FROM load_chunks WHERE number = 2 FOR UPDATE")
        content = PEOPLE.splitlines(keepends=True)
        load = sealed.rows("SELECT max(id) FROM loads")[0][0]
        sealed.queue.connection.delete(JOBS)
        sealed.loader.load_chunk(load, 1, "".join(content[1:3]))
        late = threading.Thread(target=sealed.loader.load_chunk, args=(load, 2, "".join(content[3:])))
        late.start()
        exporter.start()
        wait_until(lambda: drained.is_set() or len(looks) == 5)
        assert not drained.is_set()
    late.join()
    assert drained.wait(10)
    assert len(sealed.people()) == 4


def test_a_drain_that_no_commit_ends_says_what_it_waits_for(
    sealed: Pipeline, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("exporter.stuck.STALL_WARNING", 0.0)
    state = replace(sealed.queue.state(), workers=2)
    monkeypatch.setattr(sealed.queue, "state", lambda: state)
    with pytest.raises(DrainTimeoutError):
        drain(sealed.database, sealed.queue, timeout=0.3)
    assert caplog.messages == [
        "no chunk was committed for 0 s: people.csv chunk 1 (rows 1 to 2) and 1 more are missing with 2 workers"
        " running; see their logs"
    ]


def test_missing_chunks_that_are_nowhere_are_an_error_that_names_the_remedy(
    sealed: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.stuck.MISSING_GRACE", 0.2)
    sealed.queue.connection.flushdb()
    with pytest.raises(PipelineError) as lost:
        drain(sealed.database, sealed.queue, timeout=30)
    assert str(lost.value) == (
        "people.csv chunk 1 (rows 1 to 2) and 1 more are neither committed nor on the queue;"
        " run the producer again, which queues what is missing"
    )
    sealed.load()
    drain(sealed.database, sealed.queue, timeout=0)


def test_a_lost_chunk_is_named_even_while_others_are_under_way(
    sealed: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.stuck.MISSING_GRACE", 0.2)
    sealed.queue.connection.lpop(JOBS)
    with pytest.raises(PipelineError, match=r"^people.csv chunk 1 \(rows 1 to 2\) is neither committed nor"):
        drain(sealed.database, sealed.queue, timeout=30)


def test_a_chunk_that_a_producer_has_yet_to_queue_is_not_lost(
    sealed: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.stuck.MISSING_GRACE", 0.1)
    sealed.queue.connection.lpop(JOBS)
    with sealed.queue.producing(), pytest.raises(DrainTimeoutError):
        drain(sealed.database, sealed.queue, timeout=1)


def test_a_chunk_that_fails_every_time_is_an_error_that_names_chunk_and_reason(
    sealed: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.stuck.MISSING_GRACE", 0.2)
    with sealed.database.transaction() as tx:
        tx.run("ALTER TABLE people ADD CONSTRAINT nobody_of_1923 CHECK (date_of_birth < '1923-01-01')")
    sealed.work()
    assert len(sealed.people()) == 2  # the other chunk is there
    with pytest.raises(PipelineError) as failed:
        drain(sealed.database, sealed.queue, timeout=30)
    assert "people.csv chunk 2 (rows 3 to 4) failed every time" in str(failed.value)
    assert "23514" in str(failed.value)
    assert "nobody_of_1923" in str(failed.value)
    assert "Siân" not in str(failed.value)
    with sealed.database.transaction() as tx:
        tx.run("ALTER TABLE people DROP CONSTRAINT nobody_of_1923")
    sealed.load()
    drain(sealed.database, sealed.queue, timeout=0)
    assert len(sealed.people()) == 4


def test_the_wait_ends_at_its_timeout_and_says_what_is_missing(sealed: Pipeline) -> None:
    with pytest.raises(DrainTimeoutError) as timed_out:
        drain(sealed.database, sealed.queue, timeout=0.3)
    assert timed_out.value.exit_code == 4
    assert str(timed_out.value) == (
        "DRAIN_TIMEOUT: not done after 0.3 s: people.csv chunk 1 (rows 1 to 2) and 1 more are missing"
        " and no worker is running; start one with `python -m worker` or `docker-compose up -d worker`;"
        " one that runs needs the same REDIS_URL and QUEUE_NAME"
    )


def test_an_empty_ledger_is_not_drained(pipeline: Pipeline) -> None:
    with pytest.raises(DrainTimeoutError, match="the ledger holds no load; run the producer"):
        drain(pipeline.database, pipeline.queue, timeout=0.2)


def test_that_no_worker_runs_is_said_with_the_command_that_starts_one(
    sealed: Pipeline, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pipeline.waiting.NO_WORKER_WARNING", 0.1)
    with pytest.raises(DrainTimeoutError):
        drain(sealed.database, sealed.queue, timeout=0.5)
    [said] = [message for message in caplog.messages if "no worker is running; start one" in message]
    assert said.startswith("waiting for 0 s: ")


def test_that_no_worker_runs_is_said_again_from_time_to_time(
    sealed: Pipeline, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pipeline.waiting.NO_WORKER_WARNING", 0.1)
    monkeypatch.setattr("pipeline.waiting.REPEAT_INTERVAL", 0.5)
    with pytest.raises(DrainTimeoutError):
        drain(sealed.database, sealed.queue, timeout=2)
    assert 3 <= len([message for message in caplog.messages if "no worker is running; start one" in message]) <= 4


def test_a_redis_out_of_memory_is_named_and_not_the_workers(sealed: Pipeline) -> None:
    connection = sealed.queue.connection
    connection.config_set("maxmemory", "500kb")
    try:
        with pytest.raises(DrainTimeoutError) as timed_out:
            drain(sealed.database, sealed.queue, timeout=0.3)
    finally:
        connection.config_set("maxmemory", "0")
    assert re.search(
        r"missing and no worker can register: Redis is out of memory \(\d+\.\d of 0\.5 MiB used\);"
        r" raise its maxmemory or lower QUEUE_LIMIT$",
        str(timed_out.value),
    )


def test_a_chunk_that_redis_has_no_memory_for_is_put_later_and_the_remedy_is_named(sealed: Pipeline) -> None:
    with sealed.database.transaction() as tx:
        chunk, *_ = ledger.missing_chunks(tx)
    sealed.queue.connection.delete(JOBS)
    sealed.queue.connection.config_set("maxmemory", "500kb")
    try:
        with pytest.raises(TransientError, match=r"^Redis is out of memory; raise its maxmemory"):
            sealed.queue.put((chunk, ""))
    finally:
        sealed.queue.connection.config_set("maxmemory", "0")


def test_a_refused_chunk_is_tried_once_and_says_one_remedy(sealed: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.stuck.MISSING_GRACE", 0.2)

    def refuse(*_: object) -> None:
        raise RefusedJobError("it is another's; correct that, then run the producer again")

    sealed.queue.work(refuse, burst=True)
    with pytest.raises(PipelineError) as failed:
        drain(sealed.database, sealed.queue, timeout=30)
    assert str(failed.value).count("run the producer again") == 1
    assert {job.attempts for job in sealed.queue.view().failed_jobs.values()} == {1}
    monkeypatch.setattr(remedies, "current", remedies.PIPELINE_RUN)
    with pytest.raises(PipelineError, match=r"then run the producer again$"):
        drain(sealed.database, sealed.queue, timeout=30)
