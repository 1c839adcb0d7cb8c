"""The queue's own rules, on a simulated Redis."""

import fakeredis
import pytest
from rq.serializers import JSONSerializer

from pipeline.errors import RefusedJobError
from pipeline.ledger import ChunkPlan, MissingChunk
from pipeline.queue import ChunkQueue, Chunks
from pipeline.queue.job import ChunkJob

CHUNK = MissingChunk(3, "people.csv", 0, ChunkPlan(2, 11, 10, 12, 400, 20, "ab" * 32))


@pytest.fixture
def queue() -> ChunkQueue:
    return ChunkQueue(fakeredis.FakeRedis())


def jobs(queue: ChunkQueue) -> list[ChunkJob]:
    return Chunks(connection=queue.connection).get_jobs()


def test_a_chunk_is_queued_as_data_under_its_own_id(queue: ChunkQueue) -> None:
    queue.put(CHUNK, "Jean,Kerr\n")
    [job] = jobs(queue)
    assert job.id == "load-3-chunk-2-abababababab"
    assert job.func_name == "load_chunk"
    assert job.arguments() == (3, 2, "Jean,Kerr\n")
    assert job.description == "people.csv chunk 2 (rows 11 to 20)"
    assert queue.state().under_way == {job.id}


def test_the_rows_stand_in_redis_as_they_are(queue: ChunkQueue) -> None:
    queue.put(CHUNK, "Jean,Kerr\n")
    assert b"Jean,Kerr" in queue.connection.hget(f"rq:job:{CHUNK.job_id}", "data")


def test_a_chunk_is_on_the_queue_at_most_once(queue: ChunkQueue) -> None:
    queue.put(CHUNK, "Jean,Kerr\n")
    queue.put(CHUNK, "Jean,Kerr\n")
    assert queue.length() == 1


def test_what_a_lost_job_left_behind_does_not_keep_its_chunk_off_the_queue(queue: ChunkQueue) -> None:
    queue.put(CHUNK, "Jean,Kerr\n")
    queue.connection.delete("rq:queue:chunks")
    assert queue.state().under_way == frozenset()
    queue.put(CHUNK, "Jean,Kerr\n")
    assert queue.length() == 1


@pytest.mark.parametrize("name", ["os.system", "load_chunk.__globals__", "builtins.eval"])
def test_a_job_can_name_no_other_function(queue: ChunkQueue, name: str) -> None:
    job = ChunkJob.create(name, args=("true",), connection=queue.connection, serializer=JSONSerializer)
    job.task = print
    with pytest.raises(RefusedJobError, match="it is not a call of load_chunk"):
        job.perform()
