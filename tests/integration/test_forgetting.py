"""Forgetting: no row of a source stays anywhere."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import InUseError, SettingsError
from pipeline.forgetting import Forgotten, forget
from producer.left_out import missing_sources
from tests.conftest import PEOPLE, PLACES, Pipeline
from tests.integration.test_keyed import GROUPS, described
from tests.stuck import queue_people_that_fail
from tests.support import wait_until

SECRET = "Secretive"
EVERYTHING = ("people", "rejected_rows", "load_chunks", "loads", "places_listings", "places", "counties", "countries")


def everywhere(pipeline: Pipeline) -> str:
    """All that tables and Redis hold, as text."""
    tables = [repr(pipeline.rows(f"SELECT * FROM {table}")) for table in (*EVERYTHING, "sources")]
    connection = pipeline.queue.connection
    jobs = [
        repr(connection.hgetall(key)) for key in connection.scan_iter("rq:job:*") if connection.type(key) == b"hash"
    ]
    return "".join(tables + jobs)


def test_no_row_of_a_forgotten_source_stays_in_tables_or_queue(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE.replace("Kerr", SECRET) + f"{SECRET},X,never,Ayr\n")
    pipeline.write(people=PEOPLE.replace("Kerr", SECRET) + f"New,{SECRET},1901-02-03,Ayr\n")
    pipeline.produce()  # queued, and not loaded
    assert everywhere(pipeline).count(SECRET) > 3
    [forgotten] = forget(pipeline.database, pipeline.queue, ["people.csv"])
    assert str(forgotten) == "people.csv: forgotten, 4 rows of people removed"
    assert SECRET not in everywhere(pipeline)
    assert pipeline.queue.length() == 0
    assert len(pipeline.rows("SELECT * FROM places")) == 3


@pytest.mark.parametrize("is_forgotten", [True, False])
def test_no_row_stays_in_the_log_of_redis(pipeline: Pipeline, is_forgotten: bool) -> None:
    """Neither after a load, when the exporter asks for it, nor when a source was forgotten.

    Redis has begun to rewrite the log while the rows were still on the queue, and takes no other order until it ends.
    """
    connection: Any = pipeline.queue.connection
    pipeline.load(places=PLACES)
    pipeline.write(people=PEOPLE.replace("Kerr", SECRET))
    pipeline.produce()
    wait_until(lambda: not connection.info("persistence")["aof_rewrite_in_progress"])  # which the test before asked for
    connection.config_set("rdb-key-save-delay", 100_000)  # microseconds for each key, of the process that rewrites
    connection.bgrewriteaof()
    connection.config_set("rdb-key-save-delay", 0)
    pipeline.take_and_load()
    folder = Path(connection.config_get("dir")["dir"]) / "appendonlydir"

    def is_in_log() -> bool:
        try:
            return any(SECRET.encode() in file.read_bytes() for file in folder.iterdir())
        except FileNotFoundError:  # it is being rewritten
            return True

    assert is_in_log()
    if is_forgotten:
        forget(pipeline.database, pipeline.queue, ["people.csv"])
    else:
        pipeline.queue.rewrite_log()
    wait_until(lambda: not is_in_log())


def test_failed_jobs_of_a_forgotten_source_go_too(pipeline: Pipeline) -> None:
    queue_people_that_fail(pipeline, PEOPLE.replace("Kerr", SECRET))
    pipeline.work()
    assert len(pipeline.queue.state().failed) == 1
    forget(pipeline.database, pipeline.queue, ["people.csv"])
    assert SECRET not in everywhere(pipeline)
    assert not pipeline.queue.state().failed


def test_forgotten_places_go_with_their_counties_but_for_those_that_another_file_lists(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, **{"places-2": "city,county,country\nAyr,Strathclyde,Scotland\n"})
    forget(pipeline.database, pipeline.queue, ["places.csv"])
    joined = "SELECT city, counties.name, countries.name FROM places JOIN counties ON counties.id = county_id"
    assert pipeline.rows(f"{joined} JOIN countries ON countries.id = country_id") == [
        ("Ayr", "Strathclyde", "Scotland")
    ]
    assert pipeline.rows("SELECT name FROM counties") == [("Strathclyde",)]
    assert pipeline.rows("SELECT name FROM countries") == [("Scotland",)]


def test_places_that_people_name_are_not_forgotten_without_them(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    before = everywhere(pipeline)
    with pytest.raises(
        InUseError, match=r"places.csv cannot be forgotten: its places are named by 4 rows of people.csv"
    ):
        forget(pipeline.database, pipeline.queue, ["places.csv"])
    assert everywhere(pipeline) == before
    forget(pipeline.database, pipeline.queue, ["places.csv", "people.csv"])
    assert [pipeline.rows(f"SELECT * FROM {table}") for table in EVERYTHING] == [[]] * len(EVERYTHING)


def test_a_source_of_a_dropped_table_can_be_forgotten(pipeline: Pipeline) -> None:
    described(pipeline, GROUPS)
    pipeline.load(groups="name\na\n")
    with pipeline.database.transaction() as tx:
        tx.run("DROP TABLE groups")
    [missing] = missing_sources(pipeline.database, set(), {"groups"})
    assert (missing.name, missing.rows) == ("groups.csv", 0)
    assert forget(pipeline.database, pipeline.queue, ["groups.csv"]) == [Forgotten("groups.csv", "groups", 0)]
    assert pipeline.rows("SELECT name FROM sources") == []


def test_a_source_that_is_not_known_is_a_wrong_setting_and_nothing_is_forgotten(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    for name in ("", "pets.csv"):
        with pytest.raises(SettingsError, match=f"no source '{name}' is known"):
            forget(pipeline.database, pipeline.queue, ["people.csv", name])
    assert len(pipeline.people()) == 4
