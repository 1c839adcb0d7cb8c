"""Chunks that are the same in a new version are not loaded again, unless the table might not hold their rows."""

import threading

import pytest

from pipeline.forgetting import forget_rows
from pipeline.queue import RqChunkQueue
from pipeline.queue.job import ChunkJob
from producer.produce import produce
from producer.sources import find_sources
from tests.conftest import ANY_VERSION, PEOPLE, PLACES, Pipeline, named
from tests.support import wait_until

HEADER = PEOPLE.splitlines(keepends=True)[0]
UNKNOWN = "Plato,Kerr,1901-02-03,Atlantis\n"


def people(names: str) -> str:
    """A file with a person for each of the letters."""
    return HEADER + "".join(f"{name},Kerr,1901-02-03,Ayr\n" for name in names)


def queued(pipeline: Pipeline) -> list[int]:
    """The numbers of the chunks of people that are on the queue."""
    jobs = [
        job
        for job in RqChunkQueue("chunks", connection=pipeline.queue.connection).get_jobs()
        if isinstance(job, ChunkJob)
    ]
    return sorted(job.arguments()[0][1] for job in jobs if (job.description or "").startswith("people"))


def produced(pipeline: Pipeline, chunk_rows: int = 2, /, **files: str) -> list[int]:
    pipeline.write(**files)
    pipeline.produce(chunk_rows)
    return queued(pipeline)


def names(pipeline: Pipeline) -> str:
    """The letters of the people in the table, which are numbered without a gap."""
    assert [number for number, _ in named(pipeline)] == list(range(1, len(named(pipeline)) + 1))
    return "".join(name for _, name in named(pipeline))


def finish(pipeline: Pipeline) -> str:
    pipeline.take_and_load()
    pipeline.check_reconciliation()
    return names(pipeline)


def test_only_changed_chunks_and_the_last_one_are_queued_and_all_rows_are_accounted_for(pipeline: Pipeline) -> None:
    pipeline.load(2, places=PLACES, people=people("abcdefghi"))
    versions = dict(pipeline.rows("SELECT row_number, xmin::text FROM people"))
    assert produced(pipeline, people=people("abcXefghi")) == [2, 5]
    so_far = {"inserted": 0, "updated": 0, "unchanged": 6, "rejected": 0, "deleted": 0}
    assert pipeline.counts() == so_far
    assert finish(pipeline) == "abcXefghi"
    assert pipeline.counts() == so_far | {"updated": 1, "unchanged": 8}
    after = dict(pipeline.rows("SELECT row_number, xmin::text FROM people"))
    assert {number for number in after if after[number] != versions[number]} == {4}
    assert produced(pipeline) == []


def test_what_was_carried_over_is_carried_over_again(pipeline: Pipeline) -> None:
    pipeline.load(2, places=PLACES, people=people("abcdefgh"))
    pipeline.load(2, people=people("abcXefgh"))
    assert produced(pipeline, people=people("abcXefYh")) == [4]
    assert finish(pipeline) == "abcXefYh"


def test_added_rows_leave_the_chunks_before_them_alone(pipeline: Pipeline) -> None:
    pipeline.load(2, places=PLACES, people=people("abcdef"))
    assert produced(pipeline, people=people("abcdefgh")) == [4]  # the last one of before is not the last one now
    assert finish(pipeline) == "abcdefgh"
    assert pipeline.counts() == {"inserted": 2, "updated": 0, "unchanged": 6, "rejected": 0, "deleted": 0}


def test_rows_after_a_shorter_version_go_although_its_last_chunk_is_the_same(pipeline: Pipeline) -> None:
    pipeline.load(2, places=PLACES, people=people("abcdef"))
    assert produced(pipeline, people=people("abcd")) == [2]
    assert finish(pipeline) == "abcd"
    assert pipeline.counts() == {"inserted": 0, "updated": 0, "unchanged": 4, "rejected": 0, "deleted": 2}
    assert produced(pipeline, people=people("abcdef")) == [3]
    assert finish(pipeline) == "abcdef"


def test_rows_that_moved_are_loaded_again(pipeline: Pipeline) -> None:
    pipeline.load(2, places=PLACES, people=people("abcdef"))
    assert produced(pipeline, people=people("XYabcdef")) == [1, 2, 3, 4]
    assert finish(pipeline) == "XYabcdef"
    assert produced(pipeline, people=people("XabYcdef")) == [1, 2, 4]
    assert finish(pipeline) == "XabYcdef"


def test_with_other_chunk_boundaries_all_is_loaded_again(pipeline: Pipeline) -> None:
    pipeline.load(2, places=PLACES, people=people("abcdef"))
    assert produced(pipeline, 3, people=people("abcdeX")) == [1, 2]
    assert finish(pipeline) == "abcdeX"


@pytest.mark.parametrize(
    "header", [HEADER.replace("given_name,family_name", "family_name,given_name"), HEADER.replace("\n", ",note\n")]
)
def test_under_another_header_all_is_loaded_again(pipeline: Pipeline, header: str) -> None:
    pipeline.limits = ANY_VERSION
    pipeline.load(2, places=PLACES, people=people("abcdef"))
    assert produced(pipeline, people=people("abcdef").replace(HEADER, header)) == [1, 2, 3]


def test_with_another_delimiter_all_is_loaded_again(pipeline: Pipeline) -> None:
    pipeline.limits = ANY_VERSION
    pipeline.load(2, places=PLACES, people=people("abcdef"))
    assert produced(pipeline, people=people("abcdef").replace(HEADER, HEADER.replace(",", ";"))) == [1, 2, 3]
    assert finish(pipeline) == ""
    assert len(pipeline.rejected()) == 6


def test_more_lines_above_the_rows_make_no_difference(pipeline: Pipeline) -> None:
    pipeline.load(2, places=PLACES, people=people("abcdef"))
    assert produced(pipeline, people="\n" + people("abcdef")) == [3]
    assert finish(pipeline) == "abcdef"


def test_chunks_that_the_version_before_had_not_committed_are_loaded_again(pipeline: Pipeline) -> None:
    """Back to the first version while the second is half loaded: of its chunks, the first and the third are."""
    pipeline.load(2, places=PLACES, people=people("abcdefghij"))
    assert produced(pipeline, people=people("AbCdEfghij")) == [1, 2, 3, 5]
    load = pipeline.rows("SELECT max(id) FROM loads")[0][0]
    for number, letters in ((1, "Ab"), (3, "Ef")):
        pipeline.loader.load_chunk(load, number, people(letters).removeprefix(HEADER))
    assert names(pipeline) == "AbcdEfghij"
    pipeline.queue.connection.flushdb()
    assert produced(pipeline, people=people("abcdEfghij")) == [1, 2, 5]
    assert finish(pipeline) == "abcdEfghij"


def test_the_same_chunk_that_the_version_before_had_not_committed_is_loaded(pipeline: Pipeline) -> None:
    pipeline.load(2, places=PLACES, people=people("abcdef"))
    assert produced(pipeline, people=people("abXdef")) == [2, 3]
    pipeline.queue.connection.flushdb()
    assert produced(pipeline, people=people("abXdeY")) == [2, 3]
    assert finish(pipeline) == "abXdeY"


def test_chunks_with_rejected_rows_are_loaded_again(pipeline: Pipeline) -> None:
    pipeline.load(2, places=PLACES, people=people("ab") + UNKNOWN + people("defgh").removeprefix(HEADER))
    places = PLACES + "Atlantis,The Deep,Nowhere\n"
    text = people("ab") + UNKNOWN + people("defgX").removeprefix(HEADER)
    assert produced(pipeline, places=places, people=text) == [2, 4]
    pipeline.take_and_load()
    pipeline.check_reconciliation()
    assert "".join(name[0] for _, name in named(pipeline)) == "abPdefgX"
    assert pipeline.rejected() == []


def test_a_reopened_chunk_that_was_not_loaded_since_is_loaded_by_the_new_version(pipeline: Pipeline) -> None:
    pipeline.load(2, places=PLACES, people=people("ab") + UNKNOWN + people("def").removeprefix(HEADER))
    assert produced(pipeline, places=PLACES + "Atlantis,The Deep,Nowhere\n") == [2]
    pipeline.queue.connection.flushdb()
    text = people("ab") + UNKNOWN + people("deX").removeprefix(HEADER)
    assert produced(pipeline, people=text) == [2, 3]
    pipeline.produce()
    pipeline.take_and_load()
    pipeline.check_reconciliation()
    assert [number for number, _ in named(pipeline)] == [1, 2, 3, 4, 5, 6]


def test_after_a_source_was_forgotten_all_is_loaded_again(pipeline: Pipeline) -> None:
    pipeline.load(2, places=PLACES, people=people("abcdef"))
    with pipeline.database.transaction() as tx:
        forget_rows(tx, {"people.csv"})
    assert produced(pipeline, people=people("abcdeX")) == [1, 2, 3]
    assert finish(pipeline) == "abcdeX"


def test_chunks_of_another_source_do_not_count(pipeline: Pipeline) -> None:
    pipeline.load(2, places=PLACES, people=people("abcdef"))
    assert produced(pipeline, **{"people-2": people("abcdeX")}) == [1, 2, 3]


def test_a_chunk_in_flight_is_waited_for_and_carried_over(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES)
    assert produced(pipeline, people=people("abcd")) == [1, 2]
    pipeline.queue.connection.flushdb()
    pipeline.write(people=people("abcX"))
    load = pipeline.rows("SELECT max(id) FROM loads")[0][0]
    worker, producer, other = (Pipeline(pipeline.services, pipeline.data) for _ in range(3))
    loading = threading.Thread(target=worker.loader.load_chunk, args=(load, 1, people("ab").removeprefix(HEADER)))
    sealing = threading.Thread(target=producer.produce, args=(2,))
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with other.database.transaction() as tx:
        tx.run("LOCK TABLE people IN SHARE MODE")  # the worker has claimed its chunk, and cannot write its rows
        loading.start()
        wait_until(lambda: pipeline.rows(waits) == [(1,)])
        sealing.start()
        wait_until(lambda: pipeline.rows(waits) == [(2,)])
    loading.join()
    sealing.join()
    assert queued(pipeline) == [2]
    assert finish(pipeline) == "abcX"
    assert pipeline.counts() == {"inserted": 2, "updated": 0, "unchanged": 2, "rejected": 0, "deleted": 0}


def test_places_are_all_loaded_again(pipeline: Pipeline) -> None:
    """Another file may have listed the city differently since; the one that was loaded last wins."""
    pipeline.load(1, places=PLACES)
    pipeline.load(1, **{"places-2": "city,county,country\nAyr,Somewhere,Else\n"})
    counties = "SELECT city, counties.name FROM places JOIN counties ON counties.id = county_id ORDER BY city"
    assert pipeline.rows(counties)[0] == ("Ayr", "Somewhere")
    places = find_sources(pipeline.data, (pipeline.data / "places.csv",))
    pipeline.write(places=PLACES + "Barry,Glamorgan,Wales\n")
    [done] = produce(places, pipeline.database, pipeline.queue, chunk_rows=1, queue_limit=9)
    assert done.queued_chunks == 4
    pipeline.take_and_load()
    assert pipeline.rows(counties)[0] == ("Ayr", "Ayrshire")
