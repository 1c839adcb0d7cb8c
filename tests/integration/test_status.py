"""The status: what the ledger and Redis show of loads, workers, the queue, failed chunks and rejected rows."""

import json
import re
import time
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import psycopg2
import pytest

from pipeline import PROJECT
from pipeline.cli.command import queue_without_waiting
from pipeline.ledger import ledger
from pipeline.postgres.database import Database
from pipeline.status.as_json import to_json
from pipeline.status.chunks_view import RATE_WINDOW
from pipeline.status.ledger_view import LedgerView, read_ledger
from pipeline.status.lines import lines
from pipeline.status.shown import (
    FailedChunk,
    LoadStatus,
    QueueStatus,
    RejectedRule,
    ServerStatus,
    Status,
    TableStatus,
    WorkerStatus,
)
from pipeline.status.status import StatusReader, load_statuses
from tests.conftest import PEOPLE, PLACES, Pipeline
from tests.stuck import queue_people_that_fail

BAD = PEOPLE + "Ann,Bell,not a date,Ayr\n"


def status(pipeline: Pipeline) -> Status:
    return StatusReader(pipeline.database, lambda: pipeline.queue, 32).read()


def test_an_empty_database_is_idle(pipeline: Pipeline) -> None:
    shown = status(pipeline)
    assert shown.queue is not None
    assert (shown.state, shown.loads, shown.workers, shown.queue.waiting) == ("idle", [], [], 0)
    assert next(lines(shown)) == "idle: nothing is loaded yet"


def test_a_complete_load_shows_what_became_of_its_rows(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=BAD)
    shown = status(pipeline)
    [people, places] = shown.loads
    assert (people.source, people.dataset, people.state) == ("people.csv", "people", "complete")
    assert (people.rows, people.committed_rows, people.inserted, people.rejected) == (5, 5, 4, 1)
    assert people.seconds is not None
    assert people.seconds > 0
    assert people.rows_per_second == pytest.approx(5 / people.seconds)
    assert places.rows == len(PLACES.splitlines()) - 1
    assert shown.state == "idle"
    [rule] = shown.rejected_rules
    assert (rule.source, rule.rows, rule.line) == ("people.csv", 1, 6)
    assert "not a date" in rule.example
    assert {table.dataset for table in shown.tables} == {"places", "people", "examples"}


def test_a_load_under_way_is_running_and_shows_the_queue(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES)
    pipeline.write(people=PEOPLE)
    pipeline.produce(chunk_rows=2)
    shown = status(pipeline)
    assert shown.queue is not None
    assert (shown.state, shown.queue.waiting, shown.queue.limit) == ("running", 2, 32)
    assert shown.loads[0].state == "loading"
    assert (shown.loads[0].chunks, shown.loads[0].committed_chunks) == (2, 0)
    assert shown.queue.oldest_wait_seconds is not None
    assert 0 <= shown.queue.oldest_wait_seconds < 60
    pipeline.work()
    shown = status(pipeline)
    assert shown.state == "idle"
    assert (shown.rows_per_second or 0) > 0


@pytest.mark.parametrize(
    ("begun", "seconds", "divisor"),
    [(0, 0.1, 1), (2, 0.1, 2), (30, 25, 10)],
    ids=["a moment ago", "two seconds ago", "half a minute ago"],
)
def test_the_speed_is_that_of_the_seconds_since_the_first_chunk_was_begun_but_ten_at_most(
    pipeline: Pipeline, begun: float, seconds: float, divisor: float
) -> None:
    pipeline.load(places=PLACES)
    with pipeline.database.transaction() as tx:
        tx.run(
            "UPDATE load_chunks SET committed_at = now() - %(begun)s * interval '1 s', seconds = %(seconds)s",
            begun=begun,
            seconds=seconds,
        )
    shown = status(pipeline)
    assert shown.rows_per_second == pytest.approx(shown.loads[0].rows / divisor, rel=0.3)


def test_the_time_left_is_not_known_while_no_worker_runs(pipeline: Pipeline) -> None:
    """Also right after a load, when the speed of the last seconds is known."""
    pipeline.load(places=PLACES)
    pipeline.write(people=PEOPLE)
    pipeline.produce(chunk_rows=2)
    shown = status(pipeline)
    assert ((shown.rows_per_second or 0) > 0, shown.workers) == (True, [])
    assert (shown.seconds_left, shown.loads[0].seconds_left) == (None, None)


def test_an_earlier_version_is_history(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    pipeline.load(people=PEOPLE.replace("Tadhg", "Eve"))
    shown = status(pipeline)
    assert [(load.source, load.state) for load in shown.history] == [("people.csv", "superseded")]
    assert len(shown.loads) == 2


def test_a_failed_chunk_is_shown_with_its_error(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline.load(places=PLACES)
    pipeline.write(people=PEOPLE)
    pipeline.produce(chunk_rows=2)
    for job in pipeline.queue.connection.keys("rq:job:*"):
        connection: Any = pipeline.queue.connection
        content = connection.hget(job, "data").replace(b"Tadhg", b"Fadhg")
        pipeline.queue.connection.hset(job, "data", content)
    pipeline.work()
    shown = status(pipeline)
    assert shown.queue is not None
    assert (shown.state, shown.queue.failed) == ("failed", 1)
    assert [load.seconds_left for load in shown.loads] == [None, None]
    of_loads = [replace(load, seconds_left=5.0) for load in shown.loads]
    monkeypatch.setattr("pipeline.status.status.load_statuses", lambda *_, **__: of_loads)
    assert status(pipeline).seconds_left is None
    monkeypatch.undo()
    [failed] = shown.failed_chunks
    assert (failed.source, failed.rows) == ("people.csv", 2)
    assert failed.error == "people.csv chunk 1: the job does not hold the text that the ledger knows"
    assert failed.attempts == 6
    assert failed.failed_at is not None
    assert any(line.startswith("failed: people.csv chunk ") for line in lines(shown))
    pipeline.queue.connection.zadd("rq:failed:chunks", {"forged": time.time() + 60})
    pipeline.load(people=PEOPLE.replace("Tadhg", "Eve"))
    shown = status(pipeline)
    assert shown.queue is not None
    assert (shown.state, shown.queue.failed) == ("idle", 1)
    assert list(pipeline.queue.state().failed) == ["forged"]


def test_chunks_that_are_nowhere_are_lost(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES)
    pipeline.write(people=PEOPLE)
    pipeline.produce(chunk_rows=2)
    pipeline.queue.connection.flushdb()
    shown = status(pipeline)
    assert (shown.state, shown.lost_chunks) == ("failed", 2)
    assert "2 chunks not on the queue: run the producer, or `pipeline run`, again" in next(lines(shown))


def test_the_json_has_every_field(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=BAD)
    shown = status(pipeline)
    parsed = json.loads(to_json(shown))
    assert parsed.keys() == {field.name for field in fields(Status)}
    assert parsed["loads"][0]["source"] == "people.csv"
    assert parsed["at"].endswith("+00:00")


def test_the_worker_that_committed_a_chunk_is_in_the_ledger(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    [(worker, seconds)] = pipeline.rows(
        "SELECT worker, seconds FROM load_chunks JOIN load_progress USING (load_id) WHERE source = 'people.csv'"
    )
    assert worker
    assert seconds > 0


def test_the_documentation_names_every_field_of_the_json() -> None:
    text = (PROJECT / "docs" / "status.md").read_text(encoding="utf-8")
    shapes = (Status, LoadStatus, WorkerStatus, QueueStatus, FailedChunk, RejectedRule, TableStatus, ServerStatus)
    names = {field.name for shape in shapes for field in fields(shape)}
    assert {name for name in names if not re.search(rf"`{name}(\[\])?`", text)} == set()


def test_a_file_with_a_failed_chunk_has_no_time_left_and_delays_no_other(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES)
    pipeline.write(**{"people-1": PEOPLE, "people-2": PEOPLE})
    pipeline.produce()
    with pipeline.database.transaction(snapshot=True) as tx:
        view = read_ledger(tx, LedgerView(datetime.now(UTC)))

    def seconds_left(failed_rows: dict[str, int]) -> dict[str, float | None]:
        return {load.source: load.seconds_left for load in load_statuses(view, failed_rows)}

    before, after = seconds_left({}), seconds_left({"people-1.csv": 4})
    first, second = before["people-1.csv"], before["people-2.csv"]
    assert first is not None
    assert second == 2 * first, "after as many rows of the file before it"
    assert after == {"places.csv": None, "people-1.csv": None, "people-2.csv": first}


def test_a_table_that_is_locked_exclusively_holds_nothing_up(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    blocker = psycopg2.connect(pipeline.services.database_url)
    blocker.cursor().execute("LOCK TABLE people")
    sizes = {table.dataset: table.bytes for table in status(pipeline).tables}
    blocker.close()
    assert sizes["people"] is None
    assert (sizes["places"] or 0) > 0


def test_the_rows_of_a_table_are_unknown_until_it_was_analyzed(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    assert {table.estimated_rows for table in status(pipeline).tables} == {None}
    with pipeline.database.transaction() as tx:
        tx.run("ANALYZE people")
    assert [(table.estimated_rows,) for table in status(pipeline).tables if table.dataset == "people"] == pipeline.rows(
        "SELECT count(*) FROM people"
    )


def test_a_failed_chunk_can_be_retried(pipeline: Pipeline) -> None:
    queue_people_that_fail(pipeline)
    pipeline.work()
    [failed] = status(pipeline).failed_chunks
    assert pipeline.queue.retry(["another", failed.job]) == 1
    with pipeline.database.transaction() as tx:
        tx.run("ALTER TABLE people DROP CONSTRAINT none")
    assert pipeline.queue.retry([failed.job]) == 0
    pipeline.work()
    assert status(pipeline).state == "idle"
    pipeline.check_reconciliation()


def test_a_server_that_does_not_answer_is_named(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES)
    gone = Database("postgresql://tests@127.0.0.1:1/none", "tests")
    shown = StatusReader(gone, lambda: pipeline.queue, 32).read()
    assert (shown.state, shown.loads, shown.queue is None) == ("unreachable", [], False)
    assert shown.postgresql.error
    assert shown.redis.error is None
    assert (shown.rows_per_second, shown.lost_chunks, shown.chunk_durations) == (None, None, None)
    assert next(lines(shown)).startswith("unreachable: ")


def test_a_status_that_began_without_postgresql_knows_its_own_chunks_later(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.load(places=PLACES)
    pipeline.write(people=PEOPLE)
    pipeline.produce()
    database = Database(pipeline.services.database_url, "status")
    connect = queue_without_waiting(database, pipeline.services.redis_url, "chunks")
    reader = StatusReader(database, connect, 32)
    with monkeypatch.context() as away:
        away.setattr(database, "_url", "postgresql://tests@127.0.0.1:1/none")
        shown = reader.read()
    assert (shown.state, shown.queue and shown.queue.waiting) == ("unreachable", 1)
    shown = reader.read()
    assert (shown.state, shown.lost_chunks, connect() is connect()) == ("running", 0, True)


def test_a_reader_sees_what_changes_between_two_looks(pipeline: Pipeline) -> None:
    reader = StatusReader(pipeline.database, lambda: pipeline.queue, 32)
    assert reader.read().loads == []
    pipeline.load(places=PLACES)
    assert [load.source for load in reader.read().loads] == ["places.csv"]
    pipeline.rows("UPDATE load_chunks SET committed_at = committed_at - interval '1 h' RETURNING true")
    before = reader.read()
    after = reader.read()
    assert replace(after, at=before.at) == before
    pipeline.write(people=PEOPLE)
    pipeline.produce()
    assert reader.read().state == "running"


def test_however_chunks_are_put_into_blocks_the_sums_are_the_same(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = ["Ann,Bell,not a date,Ayr\n", "Ann,,1901-02-03,Ayr\n", "Ann,,not a date,Ayr\n"]
    pipeline.load(1, places=PLACES, people=PEOPLE + "".join(bad))
    pipeline.rows("UPDATE load_chunks SET committed_at = now() - interval '1 h', seconds = number / 4.0 RETURNING true")
    pipeline.write(people=PEOPLE.replace("Siân", "Eve") + "".join(reversed(bad)))
    pipeline.produce(chunk_rows=1)
    shown = status(pipeline)
    assert [(rule.rows, rule.line) for rule in shown.rejected_rules] == [(2, 6), (2, 7)]
    for size in (2, 3, 5):
        monkeypatch.setattr("pipeline.status.chunks_view.BLOCK_SIZE", size)
        assert replace(status(pipeline), at=shown.at, queue=shown.queue) == shown


@pytest.mark.parametrize("block_size", [2, 64])
def test_a_reader_that_looked_before_sees_what_a_new_one_sees(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, block_size: int
) -> None:
    """After each change: of a load under way, of a new version, of complete loads, of rejected rows, and of none."""
    monkeypatch.setattr("pipeline.status.chunks_view.BLOCK_SIZE", block_size)
    # Else the current rate falls from one look to the next.
    monkeypatch.setattr("pipeline.status.ledger_view.SHORTEST_RATE_WINDOW", RATE_WINDOW)
    reader = StatusReader(pipeline.database, lambda: pipeline.queue, 32)

    def is_as_new() -> bool:
        kept, new = reader.read(), status(pipeline)
        return replace(kept, at=new.at, queue=new.queue) == new  # which tell the time

    assert is_as_new()
    pipeline.load(1, places=PLACES, people=BAD)
    assert is_as_new()
    pipeline.rows("UPDATE load_chunks SET committed_at = committed_at - interval '1 h' RETURNING true")
    assert is_as_new()
    pipeline.rows("UPDATE load_chunks SET unchanged = inserted, inserted = 0 WHERE load_id = 1 RETURNING true")
    assert is_as_new()
    pipeline.write(people=BAD.replace("Siân", "Eve").replace("not a date", "1901-02-30"))
    pipeline.produce(chunk_rows=2)
    assert is_as_new()
    pipeline.work()
    assert is_as_new()
    pipeline.load(people=PEOPLE)
    assert is_as_new()
    with pipeline.database.transaction() as tx:
        ledger.forget(tx, 1)
    assert is_as_new()


def test_a_reader_sees_a_transaction_that_was_under_way_when_it_looked(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    pipeline.rows("UPDATE load_chunks SET committed_at = committed_at - interval '1 h' RETURNING true")
    reader = StatusReader(pipeline.database, lambda: pipeline.queue, 32)
    slow = Database(pipeline.services.database_url, "tests")
    change = "UPDATE load_chunks SET unchanged = inserted, inserted = 0 WHERE load_id = %(load)s"
    with slow.transaction() as tx:
        tx.run(change, load=1)
        assert [load.unchanged for load in reader.read().loads] == [0, 0]
        with pipeline.database.transaction() as another:
            another.run(change, load=2)
        assert [load.unchanged for load in reader.read().loads] == [4, 0]
    assert [load.unchanged for load in reader.read().loads] == [4, 3]
