"""The queue's own rules, on a simulated Redis."""

import gc
import json
import logging
import runpy
from typing import Any
from weakref import WeakSet

import fakeredis
import pytest
import redis
from rq.serializers import JSONSerializer
from rq.worker import WorkerStatus

from pipeline.errors import ForgottenError, PipelineError, RefusedJobError, TransientError
from pipeline.ledger.chunk import ChunkPlan, MissingChunk
from pipeline.process_name import process_name
from pipeline.queue import ChunkQueue, RqChunkQueue
from pipeline.queue.job import ChunkJob
from pipeline.queue.worker import ChunkWorker
from pipeline.waiting import Outage
from producer.backpressure import Backpressure
from tests.support import wait_until

DATABASE, OTHER_DATABASE = "0a" * 4 + "-1b2c-4d5e-8f90-" + "0a" * 6, "ff" * 4 + "-1b2c-4d5e-8f90-" + "ff" * 6
CHUNK = MissingChunk(3, "people.csv", 0, ChunkPlan(2, 11, 10, 12, 400, 20, "ab" * 32))


@pytest.fixture
def queue() -> ChunkQueue:
    return ChunkQueue(fakeredis.FakeRedis(), "chunks", DATABASE)


def register_worker(queue: ChunkQueue) -> ChunkWorker:
    worker = ChunkWorker(RqChunkQueue("chunks", connection=queue.connection), lambda *_: None, Outage("Redis"))
    worker.register_birth()
    return worker


def jobs(queue: ChunkQueue, name: str = "chunks") -> list[ChunkJob]:
    found = RqChunkQueue(name, connection=queue.connection).get_jobs()
    chunks = [job for job in found if isinstance(job, ChunkJob)]
    assert len(chunks) == len(found)
    return chunks


def chunk(number: int) -> MissingChunk:
    return MissingChunk(3, "people.csv", 0, ChunkPlan(number, number, 1, number, 0, 20, "ab" * 32))


def put_as_before(queue: ChunkQueue, text: str) -> str:
    """Queues a chunk as versions did whose jobs did not say which database they belong to; returns the job's id."""
    queue.put((CHUNK, text))
    [job] = jobs(queue)
    queue.connection.rename(job.key, f"rq:job:{CHUNK.key}")
    queue.connection.lset("rq:queue:chunks", 0, CHUNK.key)
    return CHUNK.key


def test_a_chunk_is_queued_as_data_under_its_own_id(queue: ChunkQueue) -> None:
    queue.put((CHUNK, "Jean,Kerr\n"))
    [job] = jobs(queue)
    assert job.id == f"{DATABASE}-load-3-chunk-2-abababababab"
    assert job.installation == DATABASE
    assert job.func_name == "load_chunk"
    assert job.arguments() == [(3, 2, "Jean,Kerr\n")]
    assert job.description == "people.csv chunk 2 (rows 11 to 20)"
    assert queue.state().under_way == {CHUNK.key}


def test_the_rows_stand_in_redis_as_they_are(queue: ChunkQueue) -> None:
    queue.put((CHUNK, "Jean,Kerr\n"))
    connection: Any = queue.connection
    assert b"Jean,Kerr" in connection.hget(f"rq:job:{DATABASE}-{CHUNK.key}", "data")


@pytest.mark.parametrize("text", ['a,"b",\\\r\n', "\0\x1f\x7f\u2028", "é☃𝄞", "not UTF-8: \udcff\udce9 é\n", ""])
def test_any_text_comes_off_the_queue_as_it_was_put(queue: ChunkQueue, text: str) -> None:
    queue.put((CHUNK, text))
    queue.put((chunk(9), text), (chunk(10), "Jean"))
    assert [job.arguments() for job in jobs(queue)] == [[(3, 2, text)], [(3, 9, text), (3, 10, "Jean")]]
    assert json.loads(jobs(queue)[0].data) == ["load_chunk", None, [], {"load": 3, "number": 2, "text": text}]


def test_a_job_of_an_earlier_version_is_read(queue: ChunkQueue) -> None:
    """They made six bytes of a letter that is not ASCII."""
    queue.put((CHUNK, "é,\udcff\n"))
    [job] = jobs(queue)
    job.data = json.dumps(json.loads(job.data)).encode()
    assert job.data.isascii()
    assert job.arguments() == [(3, 2, "é,\udcff\n")]


def test_a_chunk_is_on_the_queue_at_most_once(queue: ChunkQueue) -> None:
    queue.put((CHUNK, "Jean,Kerr\n"))
    queue.put((CHUNK, "Jean,Kerr\n"))
    assert queue.length() == 1


def test_what_a_lost_job_left_behind_does_not_keep_its_chunk_off_the_queue(queue: ChunkQueue) -> None:
    queue.put((CHUNK, "Jean,Kerr\n"))
    queue.connection.delete("rq:queue:chunks")
    assert queue.state().under_way == frozenset()
    queue.put((CHUNK, "Jean,Kerr\n"))
    assert queue.length() == 1


def test_queues_of_two_names_share_nothing(queue: ChunkQueue) -> None:
    other = ChunkQueue(queue.connection, "other", OTHER_DATABASE)
    queue.put((CHUNK, "Jean,Kerr\n"))
    with queue.producing():
        wait_until(lambda: queue.state().producing)  # a thread says so
        assert not other.state().producing
    assert other.length() == 0
    assert other.state().under_way == frozenset()
    other.put((CHUNK, "Tadhg,Kerr\n"))
    assert [job.arguments()[0][2] for job in jobs(queue)] == ["Jean,Kerr\n"]
    assert [job.arguments()[0][2] for job in jobs(queue, "other")] == ["Tadhg,Kerr\n"]


def test_chunks_of_two_databases_on_one_queue_are_not_taken_for_each_other(queue: ChunkQueue) -> None:
    other = ChunkQueue(queue.connection, "chunks", OTHER_DATABASE)
    queue.put((CHUNK, "Jean,Kerr\n"))
    assert CHUNK.key not in other.state().under_way
    other.put((CHUNK, "Tadhg,Kerr\n"))
    assert [(job.installation, job.arguments()[0][2]) for job in jobs(queue)] == [
        (DATABASE, "Jean,Kerr\n"),
        (OTHER_DATABASE, "Tadhg,Kerr\n"),
    ]


def test_a_job_of_an_earlier_version_counts_as_its_chunk(queue: ChunkQueue) -> None:
    put_as_before(queue, "Jean,Kerr\n")
    assert queue.state().under_way == {CHUNK.key}
    assert queue.bring_forward(CHUNK)
    [job] = jobs(queue)
    assert (job.installation, job.arguments()) == (None, [(3, 2, "Jean,Kerr\n")])


def test_a_chunk_that_is_brought_forward_is_the_next_one(queue: ChunkQueue) -> None:
    for number in (1, 2, 3):
        queue.put((chunk(number), "Jean,Kerr\n"))
    assert queue.bring_forward(chunk(3))
    assert [job.arguments()[0][1] for job in jobs(queue)] == [3, 1, 2]
    assert not queue.bring_forward(chunk(4))
    assert queue.length() == 3


def test_all_keys_begin_with_the_prefix_of_rq(queue: ChunkQueue) -> None:
    """One rule of an access control list covers them."""
    queue.put((CHUNK, "Jean,Kerr\n"))
    with queue.producing():
        wait_until(lambda: queue.state().producing)  # a thread says so
        assert [key for key in queue.connection.scan_iter() if not key.startswith(b"rq:")] == []


@pytest.mark.parametrize("name", ["os.system", "load_chunk.__globals__", "builtins.eval"])
def test_a_job_can_name_no_other_function(queue: ChunkQueue, name: str) -> None:
    job = ChunkJob.create(name, args=("true",), connection=queue.connection, serializer=JSONSerializer)
    job.load_chunk = print  # type: ignore[attr-defined]  # the job class of RQ has none
    with pytest.raises(RefusedJobError, match="it is not a call of load_chunk"):
        job.perform()


@pytest.mark.parametrize(
    ("forged", "requeued"), [("5", 0), ("3", 2), ("0", 5), ("99", 0), ("-99999999999", 5), ("many", 5)]
)
def test_a_forged_number_of_retries_stays_within_what_a_job_can_have(
    queue: ChunkQueue, forged: str, requeued: int
) -> None:
    queue.put((CHUNK, "Jean,Kerr\n"))
    [job] = jobs(queue)
    queue.connection.hset(job.key, "retries_left", forged)
    [job] = jobs(queue)
    assert job.requeued == requeued


def test_a_worker_keeps_no_rows_of_chunks_that_failed(queue: ChunkQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    class Rows:
        pass

    kept: WeakSet[Rows] = WeakSet()
    kept_at_start: list[int] = []

    def fail(*_: object) -> None:
        kept_at_start.append(len(kept))
        rows = Rows()
        kept.add(rows)
        raise PipelineError("a chunk that fails every time")

    queue.put((CHUNK, "Jean,Kerr\n"))
    monkeypatch.setattr("pipeline.queue.worker.logger.disabled", True)  # pytest's record would keep error and rows
    gc.disable()  # a worker's thresholds are high
    try:
        queue.work(fail, burst=True)
    finally:
        gc.enable()
    assert kept_at_start == [0] * 6


def test_the_log_says_of_a_failed_chunk_what_happens_next(queue: ChunkQueue, caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_: object) -> None:
        raise PipelineError("no")

    queue.put((CHUNK, "Jean,Kerr\n"))
    queue.work(fail, burst=True)
    next_steps = [message.partition(": no; ")[2] for message in caplog.messages if ": no; " in message]
    assert next_steps == [
        *(f"it will be tried again ({left} left)" for left in ("5 retries", "4 retries", "3 retries", "2 retries")),
        "it will be tried again (1 retry left)",
        "it is in the FailedJobRegistry; correct the cause, then requeue it:"
        " on the monitor's page, with `rq requeue`, or by running the producer again",
    ]


def test_an_outage_is_one_sentence_that_can_go_on(queue: ChunkQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    error = redis.ConnectionError("Error -2 connecting to redis:6379. Name or service not known.")

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(queue.connection, "execute_command", fail)
    expected = "Redis does not serve: Error -2 connecting to redis:6379. Name or service not known"
    with pytest.raises(TransientError) as raised:
        queue.server_version()
    assert str(raised.value) == queue.outage_reason(error) == expected


def test_a_process_with_host_and_id_of_an_earlier_one_has_another_name() -> None:
    """As in a container that is started again."""
    started_again = runpy.run_path(process_name.__code__.co_filename)["process_name"]
    assert started_again() != process_name()
    assert process_name() == process_name()


def test_a_worker_that_starts_again_is_shown_once_under_the_name_that_the_ledger_has(queue: ChunkQueue) -> None:
    for _ in range(2):  # the first one's death has not reached Redis
        register_worker(queue)
        assert [worker.name for worker in queue.view().workers] == [process_name()]


def test_a_producer_that_waits_for_room_says_so_and_goes_on_checking_its_loads(
    queue: ChunkQueue, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ROOM_POLL", "WORKERS_POLL", "STALL_WARNING"):
        monkeypatch.setattr(f"producer.backpressure.{name}", 0.0)
    checks = iter(range(5))

    def check_loads() -> None:
        if next(checks) == 4:
            raise ForgottenError("people.csv was forgotten")

    queue.put((CHUNK, "Jean,Kerr\n"))
    register_worker(queue)
    with pytest.raises(ForgottenError):
        Backpressure(queue, 1, 60, check_loads).wait(is_waited_for=False)
    assert caplog.messages == [
        "no worker has taken a chunk for 0 s: QUEUE_LIMIT is 1 chunk, and 1 worker is running; see the workers' logs"
    ]


def test_a_worker_says_when_redis_serves_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = fakeredis.FakeServer()
    queue = ChunkQueue(fakeredis.FakeRedis(server=server), "chunks", DATABASE)
    server.connected = False
    monkeypatch.setattr("pipeline.queue.chunk_queue.time.sleep", lambda _: setattr(server, "connected", True))
    caplog.set_level(logging.INFO, "pipeline")
    queue.work(lambda *_: None, burst=True)
    [lost, back] = [record.getMessage() for record in caplog.records if record.name.startswith("pipeline.")]
    assert lost.startswith("Redis does not serve: ")
    assert back == "Redis serves again after 0 s"


def test_the_log_says_that_a_chunk_that_failed_is_loaded(queue: ChunkQueue, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pipeline.queue")
    errors = [PipelineError("no")]

    def fail_once(*_: object) -> None:
        if errors:
            raise errors.pop()

    queue.put((CHUNK, "Jean,Kerr\n"))
    queue.work(fail_once, burst=True)
    said = [record.getMessage() for record in caplog.records if record.name.startswith("pipeline.")]
    assert said[-1] == "people.csv chunk 2 (rows 11 to 20) is loaded after 1 retry"


def test_suspended_workers_say_so_and_are_shown_as_such(queue: ChunkQueue, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pipeline.queue")
    worker = register_worker(queue)
    worker.set_state(WorkerStatus.SUSPENDED)
    assert [view.state for view in queue.view().workers] == ["suspended"]
    worker.set_state(WorkerStatus.IDLE)
    assert [view.state for view in queue.view().workers] == ["idle"]
    assert [record.getMessage() for record in caplog.records if record.name.startswith("pipeline.")] == [
        "the workers are suspended by `rq suspend`; `rq resume` lets them go on",
        "the workers go on",
    ]


def test_a_worker_shows_its_last_error_until_its_next_success(queue: ChunkQueue) -> None:
    shown: list[str | None] = []

    def fail_twice(*_: object) -> None:
        shown.append(queue.view().workers[0].error)
        if len(shown) <= 2:
            raise TransientError("the disk is full")

    queue.put((CHUNK, "Jean,Kerr\n"))
    queue.put((chunk(9), "Jean,Kerr\n"))
    queue.work(fail_twice, burst=True)
    first, second = "people.csv chunk 2 (rows 11 to 20)", "people.csv chunk 9 (rows 9 to 9)"
    assert shown == [None, f"{first}: the disk is full", f"{second}: the disk is full", None]
