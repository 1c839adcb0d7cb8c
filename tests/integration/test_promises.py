"""Promises 1 and 2 on well-formed input: the tables hold what the files say, version after version."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.forgetting import forget_rows
from pipeline.postgres.database import Database
from pipeline.queue import ChunkQueue
from tests.conftest import ANY_VERSION, PEOPLE, PLACES, Pipeline, named
from tests.support import wait_until

HEADER = PEOPLE.splitlines(keepends=True)[0]
JEAN, TADHG, SIAN, _ = PEOPLE.splitlines(keepends=True)[1:]


def test_the_tables_hold_exactly_the_rows_of_the_files(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    assert pipeline.people() == [
        ("people.csv", 1, "Jean", "Kerr", "1901-02-03", "Ayr"),
        ("people.csv", 2, "Tadhg", "Ó Ceallaigh", "1912-11-10", "Cork"),
        ("people.csv", 3, "Siân", "Parry", "1923-04-05", "Tenby"),
        ("people.csv", 4, "Jean", "Kerr", "1901-02-03", "Ayr"),
    ]
    assert pipeline.rows(
        "SELECT city, counties.name, countries.name FROM places JOIN counties ON counties.id = county_id"
        " JOIN countries ON countries.id = country_id ORDER BY city"
    ) == [("Ayr", "Ayrshire", "Scotland"), ("Cork", "Cork", "Ireland"), ("Tenby", "Pembrokeshire", "Wales")]
    assert pipeline.rejected() == []


def test_identical_lines_are_two_people(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=HEADER + JEAN * 3)
    assert named(pipeline) == [(1, "Jean"), (2, "Jean"), (3, "Jean")]


def test_running_again_changes_nothing(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    before = pipeline.rows("SELECT xmin::text, * FROM people ORDER BY row_number")
    produced = pipeline.produce()
    assert [(done.queued_chunks, done.under_way_chunks) for done in produced] == [(0, 0), (0, 0)]
    assert pipeline.queue.length() == 0
    assert pipeline.rows("SELECT xmin::text, * FROM people ORDER BY row_number") == before


def test_a_corrected_line_changes_its_row_alone(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    versions = dict(pipeline.rows("SELECT row_number, xmin::text FROM people"))
    pipeline.load(people=PEOPLE.replace("Siân,Parry", "Siân,Prys"))
    assert pipeline.people()[2] == ("people.csv", 3, "Siân", "Prys", "1923-04-05", "Tenby")
    assert pipeline.counts() == {"inserted": 0, "updated": 1, "unchanged": 3, "rejected": 0, "deleted": 0}
    after = dict(pipeline.rows("SELECT row_number, xmin::text FROM people"))
    assert {number for number in after if after[number] != versions[number]} == {3}


@pytest.mark.parametrize("chunk_rows", [1, 2, 3, 100])
def test_added_lines_are_there_and_dropped_lines_are_gone(pipeline: Pipeline, chunk_rows: int) -> None:
    pipeline.limits = ANY_VERSION
    pipeline.load(chunk_rows, places=PLACES, people=HEADER + JEAN + TADHG + SIAN)
    pipeline.load(chunk_rows, people=HEADER + JEAN + TADHG + SIAN + JEAN + TADHG)
    assert named(pipeline) == [(1, "Jean"), (2, "Tadhg"), (3, "Siân"), (4, "Jean"), (5, "Tadhg")]
    assert pipeline.counts()["inserted"] == 2
    pipeline.load(chunk_rows, people=HEADER + JEAN + SIAN)
    assert named(pipeline) == [(1, "Jean"), (2, "Siân")]
    assert pipeline.counts() == {"inserted": 0, "updated": 1, "unchanged": 1, "rejected": 0, "deleted": 3}
    pipeline.load(chunk_rows, people=HEADER)
    assert named(pipeline) == []


def test_another_chunk_size_between_runs_changes_nothing(pipeline: Pipeline) -> None:
    pipeline.load(3, places=PLACES, people=PEOPLE)
    pipeline.load(2)
    assert pipeline.counts()["inserted"] == 4
    pipeline.load(2, people=PEOPLE + TADHG)
    assert pipeline.counts() == {"inserted": 1, "updated": 0, "unchanged": 4, "rejected": 0, "deleted": 0}


def test_another_chunk_size_in_the_middle_of_a_load_loses_and_doubles_nothing(pipeline: Pipeline) -> None:
    pipeline.write(places=PLACES, people=PEOPLE)
    pipeline.produce(chunk_rows=3)
    pipeline.queue.connection.flushdb()  # queued chunks are lost before any was loaded
    pipeline.load(2)
    assert [number for number, _ in named(pipeline)] == [1, 2, 3, 4]


def test_an_earlier_version_that_comes_back_is_loaded_again(pipeline: Pipeline) -> None:
    first = HEADER + JEAN + TADHG
    pipeline.load(places=PLACES, people=first)
    pipeline.load(people=HEADER + SIAN)
    pipeline.load(people=first)
    assert named(pipeline) == [(1, "Jean"), (2, "Tadhg")]


def test_a_person_whose_place_is_unknown_is_rejected_with_line_and_text(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=HEADER + JEAN + "\n" + "Plato,Ó Ceallaigh,1912-11-10,Atlantis\n" + SIAN)
    assert named(pipeline) == [(1, "Jean"), (3, "Siân")]
    assert pipeline.rejected() == [
        ("people.csv", 2, 4, "place_of_birth 'Atlantis' is not in places", "Plato,Ó Ceallaigh,1912-11-10,Atlantis")
    ]
    assert pipeline.counts() == {"inserted": 2, "updated": 0, "unchanged": 0, "rejected": 1, "deleted": 0}


def test_a_good_row_that_turns_bad_moves_and_comes_back(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    pipeline.load(people=PEOPLE.replace("1912-11-10", "1912-11-31"))
    assert [number for number, _ in named(pipeline)] == [1, 3, 4]
    assert pipeline.counts() == {"inserted": 0, "updated": 0, "unchanged": 3, "rejected": 1, "deleted": 1}
    pipeline.load(people=PEOPLE)
    assert [number for number, _ in named(pipeline)] == [1, 2, 3, 4]
    assert pipeline.rejected() == []


def test_a_place_is_corrected_by_city_and_never_removed(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES)
    ids = dict(pipeline.rows("SELECT city, id FROM places"))
    pipeline.load(places="country,city,county\nScotland,Ayr,South Ayrshire\n")
    assert pipeline.rows(
        "SELECT counties.name FROM places JOIN counties ON counties.id = county_id WHERE city = 'Ayr'"
    ) == [("South Ayrshire",)]
    assert dict(pipeline.rows("SELECT city, id FROM places")) == ids
    assert pipeline.counts("places.csv") == {"inserted": 0, "updated": 1, "unchanged": 0, "rejected": 0, "deleted": 0}


def test_a_city_listed_again_counts_once_and_is_rejected_if_it_contradicts(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES + "Ayr,Ayrshire,Scotland\nAyr,Ayrshire,Wales\n")
    assert pipeline.counts("places.csv") == {"inserted": 3, "updated": 0, "unchanged": 1, "rejected": 1, "deleted": 0}
    assert pipeline.rejected() == [
        (
            "places.csv",
            5,
            6,
            "city 'Ayr' is listed with another county or country in an earlier row",
            "Ayr,Ayrshire,Wales",
        )
    ]


def test_forgetting_a_source_removes_its_people_and_nothing_else(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    with pipeline.database.transaction() as tx:
        assert [each.rows for each in forget_rows(tx, {"people.csv"})[0]] == [4]
    assert pipeline.people() == []
    assert pipeline.rows("SELECT name FROM sources") == [("places.csv",)]
    pipeline.load()
    assert len(pipeline.people()) == 4


def test_a_file_that_changes_between_the_two_passes_is_noticed(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.load(places=PLACES)
    pipeline.write(people=PEOPLE)
    state = ChunkQueue.state

    def change_meanwhile(queue: ChunkQueue) -> object:
        pipeline.write(people=PEOPLE.replace("Tadhg", "Fadhg"))
        return state(queue)

    with monkeypatch.context() as patch:
        patch.setattr(ChunkQueue, "state", change_meanwhile)
        with pytest.raises(Exception, match="changed while it was being read"):
            pipeline.produce()
    assert pipeline.queue.length() == 0
    pipeline.load()
    assert "Fadhg" in {given_name for _, given_name in named(pipeline)}


def test_a_source_forgotten_while_a_new_version_is_sealed_is_loaded_again(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    pipeline.write(people=PEOPLE.replace("Jean", "Joan"))
    with ThreadPoolExecutor(1) as threads:
        with Database(pipeline.services.database_url, "tests").transaction() as tx:
            forget_rows(tx, {"people.csv"})
            producing = threads.submit(pipeline.produce)
            wait_until(lambda: tx.rows("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))
        producing.result()
    pipeline.take_and_load()
    assert pipeline.counts() == {"inserted": 4, "updated": 0, "unchanged": 0, "rejected": 0, "deleted": 0}
    assert named(pipeline) == [(1, "Joan"), (2, "Tadhg"), (3, "Siân"), (4, "Joan")]
