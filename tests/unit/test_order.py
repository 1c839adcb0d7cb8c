"""Chunks that wait for another one: the pauses that a worker makes, on a simulated Redis."""

import threading
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import fakeredis
import pytest

from pipeline.errors import BlockedError, OutOfOrderError, RequeueError
from pipeline.ledger.chunk import ChunkPlan, MissingChunk
from pipeline.queue import ChunkQueue
from tests.support import wait_until
from worker.order import LOST_AFTER, PAUSES, InOrder

TAKEN = "rq:queue:chunks:intermediate"


def chunk(number: int) -> MissingChunk:
    return MissingChunk(1, "places.csv", 0, ChunkPlan(number, number, 1, number, 0, 20, "ab" * 32))


@dataclass
class Stop(threading.Event):
    """Notes the pauses in place of making them; the clock goes on by them alone."""

    pauses: list[float] = field(default_factory=list)
    now: float = 1000.0  # seconds

    def __post_init__(self) -> None:
        super().__init__()

    def wait(self, timeout: float | None = None) -> bool:
        self.pauses.append(timeout or 0.0)
        self.now += timeout or 0.0
        return self.is_set()


class Waiting:
    """A worker whose chunks wait for `awaited`, which another has taken; they are loaded if there is none."""

    def __init__(self) -> None:
        self.queue = ChunkQueue(fakeredis.FakeRedis(), "chunks", "0a0a0a0a-1b2c-4d5e-8f90-0a0a0a0a0a0a")
        self.stop = Stop()
        self.awaited: MissingChunk | None = chunk(1)
        self.queue.put((chunk(1), "text"))
        self.queue.connection.rename("rq:queue:chunks", TAKEN)
        self._in_order = InOrder(self._load, self.queue, self.stop)

    def _load(self, *_: object) -> None:
        if self.awaited:
            raise OutOfOrderError("people.csv chunk 3", self.awaited)

    def load(self) -> None:
        self._in_order.load_chunk(2, 3, "text")

    def wait(self, times: int) -> list[float]:
        """The pauses that a chunk makes which is taken so many times."""
        self.stop.pauses.clear()
        for _ in range(times):
            with pytest.raises(OutOfOrderError):
                self.load()
        return self.stop.pauses


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Waiting:
    waiting = Waiting()
    monkeypatch.setattr("worker.order.time", SimpleNamespace(monotonic=lambda: waiting.stop.now))
    return waiting


def test_pauses_grow_while_one_chunk_is_waited_for(waiting: Waiting) -> None:
    assert waiting.wait(7) == [*PAUSES, PAUSES[-1], PAUSES[-1]]
    assert list(PAUSES) == sorted(PAUSES)


def test_pauses_are_short_again_when_a_chunk_was_loaded_or_another_is_waited_for(waiting: Waiting) -> None:
    waiting.wait(7)
    waiting.awaited = None
    waiting.load()
    waiting.awaited = chunk(1)
    assert waiting.wait(2) == list(PAUSES[:2])
    waiting.awaited = chunk(2)
    assert waiting.wait(1) == [PAUSES[0]]


def test_a_chunk_that_waits_on_the_queue_comes_next_without_a_pause(waiting: Waiting) -> None:
    waiting.queue.put((chunk(2), "text"))
    waiting.queue.put((chunk(3), "text"))
    waiting.awaited = chunk(3)
    assert waiting.wait(3) == []
    connection: Any = waiting.queue.connection
    assert connection.lindex("rq:queue:chunks", 0).decode().endswith(chunk(3).key)


def test_a_stop_ends_the_pause_and_puts_the_chunk_back(waiting: Waiting) -> None:
    waiting.stop.set()
    with pytest.raises(RequeueError, match="told to stop"):
        waiting.load()


def test_a_chunk_without_a_sign_of_life_is_lost_after_a_while(waiting: Waiting) -> None:
    waiting.queue.connection.delete(TAKEN)
    assert sum(waiting.wait(6)) >= LOST_AFTER
    with pytest.raises(BlockedError) as lost:
        waiting.load()
    assert str(lost.value) == (
        "people.csv chunk 3 waits for places.csv chunk 1 (rows 1 to 1), which is neither committed nor on the queue;"
        " run the producer again"
    )


def test_a_chunk_is_not_lost_while_a_producer_is_alive_nor_soon_after_it_was_seen(waiting: Waiting) -> None:
    waiting.queue.connection.delete(TAKEN)
    with waiting.queue.producing():
        wait_until(lambda: waiting.queue.state().producing)
        waiting.wait(20)
    waiting.wait(2)
    waiting.queue.connection.rpush(TAKEN, chunk(1).key)
    waiting.wait(1)
    waiting.queue.connection.delete(TAKEN)
    waiting.wait(2)
