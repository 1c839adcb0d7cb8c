"""Rejected rows come back when what they name is there."""

import threading

from pipeline.queue import RqChunkQueue
from pipeline.queue.job import ChunkJob
from producer.produce import produce
from producer.sources import find_sources
from tests.conftest import PEOPLE, PLACES, Pipeline
from tests.support import wait_until

HEADER = PEOPLE.splitlines(keepends=True)[0]
GOOD = "Jean,Kerr,1901-02-03,Ayr\n"


def test_rejected_rows_come_back_when_their_places_are_there(pipeline: Pipeline) -> None:
    rows = [GOOD] * 10
    rows[3] = rows[8] = "Plato,Kerr,1901-02-03,Atlantis\n"
    rows[5] = "Jean,Kerr,never,Ayr\n"
    pipeline.load(2, places=PLACES, people=HEADER + "".join(rows))
    assert [number for _, number, *_ in pipeline.rejected()] == [4, 6, 9]
    assert pipeline.produce(2)[1].queued_chunks == 0  # nothing that could resolve them is new
    pipeline.write(places=PLACES + "Atlantis,The Deep,Nowhere\n")
    produced = pipeline.produce(2)[1]
    assert (produced.queued_chunks, produced.queued_rows) == (3, 6)  # exactly those that hold rejected rows
    pipeline.work()
    pipeline.check_reconciliation()
    assert [number for _, number, *_ in pipeline.people()] == [1, 2, 3, 4, 5, 7, 8, 9, 10]
    assert [number for _, number, *_ in pipeline.rejected()] == [6]
    assert pipeline.produce(2)[1].queued_chunks == 0


def test_a_chunk_that_is_loaded_again_keeps_its_count_of_deleted_rows(pipeline: Pipeline) -> None:
    atlantis = "Plato,Kerr,1901-02-03,Atlantis\n"
    pipeline.load(places=PLACES, people=HEADER + GOOD + atlantis + GOOD)
    pipeline.load(people=HEADER + GOOD + atlantis)
    counts = {"inserted": 0, "updated": 0, "unchanged": 1, "rejected": 1, "deleted": 1}
    assert pipeline.counts() == counts
    pipeline.load(places=PLACES + "Atlantis,The Deep,Nowhere\n")
    assert pipeline.counts() == {**counts, "inserted": 1, "rejected": 0}


def test_rejected_rows_come_back_after_places_that_were_loaded_on_their_own(pipeline: Pipeline) -> None:
    atlantis = "Plato,Kerr,1901-02-03,Atlantis\n"
    pipeline.load(1, places=PLACES, people=HEADER + GOOD + atlantis)
    pipeline.write(places=PLACES + "Atlantis,The Deep,Nowhere\n")
    places = find_sources(pipeline.data, (pipeline.data / "places.csv",))
    produce(places, pipeline.database, pipeline.queue, chunk_rows=1, queue_limit=9)
    pipeline.work()
    assert pipeline.produce(1)[1].queued_rows == 1
    pipeline.work()
    pipeline.check_reconciliation()
    assert len(pipeline.people()) == 2
    assert pipeline.rejected() == []


def test_rejected_rows_come_back_after_places_that_came_while_their_chunk_was_being_loaded(
    pipeline: Pipeline,
) -> None:
    """The chunk looked its places up before they were sealed, and commits after they are committed."""
    pipeline.load(places=PLACES)
    pipeline.write(people=PEOPLE.replace("Tenby", "Barry"))
    pipeline.produce()
    worker = Pipeline(pipeline.services, pipeline.data)
    other = Pipeline(pipeline.services, pipeline.data)
    with other.database.transaction() as tx:
        tx.run("LOCK TABLE people IN SHARE MODE")
        loading = threading.Thread(target=worker.loader.load_chunk, args=chunk_on_queue(pipeline))
        loading.start()
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        wait_until(lambda: pipeline.rows(waits) == [(1,)])
        pipeline.write(**{"places-2": "city,county,country\nBarry,Glamorgan,Wales\n"})
        places = find_sources(pipeline.data, (pipeline.data / "places-2.csv",))
        produce(places, pipeline.database, pipeline.queue, chunk_rows=None, queue_limit=9)
        pipeline.work()
    loading.join()
    assert [row[3] for row in pipeline.rejected()] == ["place_of_birth 'Barry' is not in places"]
    pipeline.load()
    assert pipeline.rejected() == []
    assert len(pipeline.people()) == 4


def chunk_on_queue(pipeline: Pipeline) -> tuple[int, int, str]:
    """Load, number and text of the one chunk on the queue, which it takes off."""
    [job] = RqChunkQueue("chunks", connection=pipeline.queue.connection).get_jobs()
    assert isinstance(job, ChunkJob)
    pipeline.queue.connection.delete("rq:queue:chunks", job.key)
    [chunk] = job.arguments()
    return chunk
