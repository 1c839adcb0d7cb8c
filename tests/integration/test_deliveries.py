"""Promise 3: a chunk that comes twice, late, out of order or not at all has one effect."""

import re
import threading
from functools import partial
from typing import Any

import pytest
from rq.exceptions import StopRequested

from pipeline.errors import TransientError
from pipeline.ledger import ledger
from pipeline.ledger.chunk import MissingChunk
from pipeline.postgres.database import Database
from pipeline.queue import ChunkQueue, RqChunkQueue
from pipeline.waiting import retry_transient
from producer.produce import produce
from producer.sources import find_sources
from tests.conftest import PEOPLE, PLACES, Pipeline, held, named, queue_of
from tests.support import Terminal, at_once, expected_people, generate, wait_until
from worker.load import ChunkLoader

HEADER = PEOPLE.splitlines(keepends=True)[0]
JEAN, TADHG, SIAN, _ = PEOPLE.splitlines(keepends=True)[1:]


def test_two_producers_at_once_queue_each_chunk_once(pipeline: Pipeline) -> None:
    generate(pipeline.data, people=300)
    barrier = threading.Barrier(2)

    def produce_at_once() -> None:
        database = Database(pipeline.services.database_url, "tests")
        queue = queue_of(pipeline.services)
        sources = find_sources(pipeline.data, ())
        barrier.wait()
        produce(sources, database, queue, chunk_rows=10, queue_limit=1000)

    at_once(produce_at_once, times=2)
    assert pipeline.rows("SELECT count(*) FROM loads") == [(2,)]
    assert pipeline.queue.length() == len(pipeline.queue.state().under_way)
    pipeline.work()
    pipeline.check_reconciliation()
    assert held(pipeline) == expected_people(pipeline.data)


def test_the_bar_of_a_producer_ends_at_the_rows_that_it_queues(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another run has left on the queue is not among them."""
    generate(pipeline.data, people=100)
    pipeline.produce(chunk_rows=10)
    pipeline.queue.connection.rpop("rq:queue:chunks", 3)
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("COLUMNS", "100")
    people = pipeline.produce()[-1]
    assert (people.queued_rows, people.queued_chunks, people.under_way_chunks) == (30, 3, 7)
    assert re.search(r"queueing .* 30 of 30", screen.getvalue())


def test_a_producer_killed_half_way_and_started_again_queues_the_rest(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate(pipeline.data, people=100)

    class Killed(BaseException):
        pass

    put = ChunkQueue.put

    def put_until_killed(queue: ChunkQueue, *members: tuple[MissingChunk, str]) -> None:
        if any(chunk.source == "people.csv" and chunk.plan.number == 4 for chunk, _ in members):
            raise Killed
        put(queue, *members)

    with monkeypatch.context() as patch:
        patch.setattr(ChunkQueue, "put", put_until_killed)
        with pytest.raises(Killed):
            pipeline.produce(chunk_rows=10)
    pipeline.work()
    assert len(pipeline.people()) == 30
    assert pipeline.produce(chunk_rows=10)[1].queued_chunks == 7
    pipeline.work()
    pipeline.check_reconciliation()
    assert held(pipeline) == expected_people(pipeline.data)


def test_a_chunk_delivered_twice_counts_once(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    load = pipeline.rows("SELECT max(id) FROM loads")[0][0]
    pipeline.loader.load_chunk(load, 1, PEOPLE.removeprefix(HEADER))
    assert len(pipeline.people()) == 4
    assert pipeline.counts()["inserted"] == 4
    pipeline.check_reconciliation()


def test_a_chunk_delivered_twice_at_once_counts_once(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES)
    pipeline.write(people=PEOPLE)
    pipeline.produce()
    [chunk] = [chunk for chunk in missing(pipeline) if chunk.source == "people.csv"]

    def deliver() -> None:
        loader = ChunkLoader(Database(pipeline.services.database_url, "tests"))
        loader.load_chunk(chunk.load, chunk.plan.number, PEOPLE.removeprefix(HEADER))

    at_once(deliver, times=4)
    assert pipeline.counts()["inserted"] == 4
    assert len(pipeline.people()) == 4


def test_retries_of_a_chunk_stand_in_the_ledger(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its job goes back on the queue twice, after two attempts each; the sixth attempt commits the chunk."""
    monkeypatch.setattr("worker.load.retry_transient", partial(retry_transient, seconds=0.01))
    pipeline.write(places=PLACES)
    pipeline.produce()
    claim, failures = ledger.claim, iter(range(5))

    def claim_after_failures(*chunk: Any) -> Any:
        if next(failures, None) is not None:
            raise TransientError("deadlock detected")
        return claim(*chunk)

    monkeypatch.setattr("worker.load.ledger.claim", claim_after_failures)
    pipeline.work()
    assert pipeline.rows("SELECT retries FROM load_chunks") == [(3,)]


def missing(pipeline: Pipeline) -> list[MissingChunk]:
    with pipeline.database.transaction() as tx:
        return ledger.missing_chunks(tx)


def test_chunks_of_a_superseded_load_change_nothing(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES)
    pipeline.write(people=HEADER + JEAN * 5)
    pipeline.produce(chunk_rows=2)
    pipeline.write(people=HEADER + SIAN)
    pipeline.produce(chunk_rows=2)
    pipeline.work()  # the old chunks come first
    pipeline.check_reconciliation()
    assert named(pipeline) == [(1, "Siân")]


def test_a_new_version_waits_for_the_chunk_in_flight_and_then_supersedes_the_rest(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES)
    pipeline.write(people=HEADER + JEAN * 2)
    pipeline.produce(chunk_rows=1)
    old = missing(pipeline)
    pipeline.write(people=HEADER + SIAN)
    producer = threading.Thread(target=Pipeline(pipeline.services, pipeline.data).produce)
    watcher = Pipeline(pipeline.services, pipeline.data)
    with pipeline.database.transaction() as tx:
        assert ledger.claim(tx, old[0].load, 1) is not None  # a worker is in the middle of the first chunk
        producer.start()
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        wait_until(lambda: watcher.rows(waits) == [(1,)])
        assert producer.is_alive()
    producer.join()
    with pipeline.database.transaction() as tx:
        assert ledger.claim(tx, old[0].load, 1) is None
    pipeline.work()
    pipeline.check_reconciliation()
    assert named(pipeline) == [(1, "Siân")]


def test_chunks_may_arrive_in_any_order(pipeline: Pipeline) -> None:
    generate(pipeline.data, people=50)
    pipeline.produce(chunk_rows=10)
    key = "rq:queue:chunks"
    places, *people = pipeline.queue.connection.lrange(key, 0, -1)
    pipeline.queue.connection.delete(key)
    pipeline.queue.connection.rpush(key, places, *reversed(people))
    pipeline.work()
    pipeline.check_reconciliation()
    assert held(pipeline) == expected_people(pipeline.data)


def test_a_chunk_with_another_text_than_the_sealed_one_is_not_loaded(
    pipeline: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline.load(places=PLACES)
    pipeline.write(people=PEOPLE)
    pipeline.produce()
    [job] = pipeline.queue.connection.keys("rq:job:*")
    connection: Any = pipeline.queue.connection
    content = connection.hget(job, "data").replace(b"Tadhg", b"Fadhg")
    pipeline.queue.connection.hset(job, "data", content)
    pipeline.work()
    assert pipeline.people() == []
    assert "the job does not hold the text that the ledger knows" in caplog.text
    assert "Tadhg" not in caplog.text  # rows are personal data
    assert len(pipeline.queue.state().failed) == 1
    pipeline.produce()
    pipeline.work()
    pipeline.check_reconciliation()
    assert len(pipeline.people()) == 4


def test_a_text_of_other_surrogates_for_the_same_bytes_is_the_same_text(pipeline: Pipeline) -> None:
    """A forger's way to have good rows rejected as bytes that are not UTF-8, if the hash alone were asked."""
    pipeline.load(places=PLACES)
    pipeline.write(people=PEOPLE)
    pipeline.produce()
    [chunk] = missing(pipeline)
    text = PEOPLE.removeprefix(HEADER)
    forged = text.encode().decode("ascii", "surrogateescape")
    assert forged != text
    pipeline.loader.load_chunk(chunk.load, chunk.plan.number, forged)
    assert len(pipeline.people()) == 4
    assert pipeline.rejected() == []


def test_people_are_not_rejected_while_their_places_are_still_being_loaded(
    pipeline: Pipeline,
) -> None:
    pipeline.write(places=PLACES, people=PEOPLE)
    pipeline.produce()
    key = "rq:queue:chunks"
    places, people = pipeline.queue.connection.lrange(key, 0, -1)
    pipeline.queue.connection.delete(key)
    pipeline.queue.connection.rpush(key, people, places)
    pipeline.work()
    pipeline.check_reconciliation()
    assert len(pipeline.people()) == 4
    assert pipeline.rejected() == []


def test_a_stop_between_asking_for_a_job_and_reading_the_answer_leaves_no_answer_to_be_taken_for_another(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = pipeline.queue.connection

    def stop(*_: object, **__: object) -> None:
        raise StopRequested

    with monkeypatch.context() as patch:
        patch.setattr(connection, "parse_response", stop)
        with pytest.raises(StopRequested):
            RqChunkQueue.lmove(connection, "rq:queue:chunks", 1)
    assert connection.ping() is True
    other = queue_of(pipeline.services).connection
    wait_until(lambda: not other.info("clients")["blocked_clients"])  # by then, the answer is that there is no job
    assert connection.ping() is True
