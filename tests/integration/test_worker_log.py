"""What workers say of a Redis that has lost something or takes nothing: rarely, and whole."""

import time
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.queue import chunk_queue
from tests.conftest import PLACES, Pipeline

JOBS = "rq:queue:chunks"


class EnoughError(Exception):
    """Ends a worker that would go on for ever."""


def test_a_worker_that_redis_has_no_memory_for_pauses_longer_and_longer_and_says_so_rarely(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 9:
            raise EnoughError

    own_time = SimpleNamespace(sleep=sleep, monotonic=time.monotonic)  # other threads sleep by the clock
    monkeypatch.setattr(chunk_queue, "time", own_time)
    connection = pipeline.queue.connection
    connection.config_set("maxmemory", "500kb")
    try:
        with pytest.raises(EnoughError):
            pipeline.work()
    finally:
        connection.config_set("maxmemory", "0")
    assert pauses == [1, 2, 4, 8, 16, 16, 16, 16, 16]
    said = [message for message in caplog.messages if message.startswith("Redis is out of memory (")]
    assert len(said) == 5
    assert said[0].endswith("; raise its maxmemory or lower QUEUE_LIMIT; trying again in 1 s")


def test_entries_without_a_job_are_named_whole_at_first_and_then_counted(
    pipeline: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    names = [f"8bfcfcf6-0000-4000-8000-000000000000-load-12-chunk-{number}-0123456789ab" for number in range(10)]
    pipeline.queue.connection.rpush(JOBS, *names)
    pipeline.work()
    dropped = [message for message in caplog.messages if "dropped" in message]
    assert dropped[:3] == [f"an entry of the queue has no job and is dropped: {name}" for name in names[:3]]
    pipeline.work()  # looks after what was left behind, as it begins
    dropped = [message for message in caplog.messages if "dropped" in message]
    assert dropped[3:] == ["7 more entries of the queue had no job and were dropped"]


def test_a_job_that_was_emptied_from_redis_in_mid_load_is_said_to_be_gone(
    pipeline: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline.write(places=PLACES)
    pipeline.produce()
    caplog.set_level("INFO", "pipeline")
    emptied: list[object] = []

    def load_chunk(*chunk: Any) -> None:
        pipeline.loader.load_chunk(*chunk)
        if not emptied:
            emptied.append(pipeline.queue.connection.flushall())

    pipeline.queue.work(load_chunk, burst=True)
    [said] = [message for message in caplog.messages if "its job is gone from Redis" in message]
    assert said.endswith("; another worker has ended it, or Redis was emptied")
    assert "failed after" not in caplog.text
    assert pipeline.counts("places.csv")["inserted"] == 3
