"""The key from people to places is true whatever happens, also where workers may check it once a chunk."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import psycopg2
import pytest
from psycopg2.errors import ForeignKeyViolation

from pipeline.embedded.servers import Servers
from pipeline.errors import RequeueError
from pipeline.ledger import ledger
from pipeline.ledger.chunk import Claim, Counts
from pipeline.postgres.database import Database
from pipeline.postgres.transaction import Transaction
from tests.conftest import PEOPLE, PLACES, Pipeline, named, partition
from tests.support import administer, administration, as_user, at_once, wait_until
from worker.load import ChunkLoader

HEADER = PEOPLE.splitlines(keepends=True)[0]
IN_TENBY = HEADER + "Siân,Parry,1923-04-05,Tenby\n"
PASSWORD = "of-the-tests"
WORKER = "worker_of_key_tests"
PEOPLE_TABLE = '"public"."people"'
DANGLING = "SELECT count(*) FROM people WHERE NOT EXISTS (SELECT FROM places WHERE id = place_id)"


@pytest.fixture(scope="module")
def worker(servers: Servers) -> None:
    """A user of whom only the membership in the worker's role is known."""
    administer(servers.database_url, f"CREATE ROLE {WORKER} LOGIN PASSWORD '{PASSWORD}' IN ROLE pipeline_worker")


@pytest.fixture(params=[True, False], ids=["granted", "not granted"])
def granted(request: pytest.FixtureRequest, pipeline: Pipeline, worker: None) -> Iterator[bool]:  # noqa: ARG001
    """Whether the pipeline's worker, connected as that user, may switch triggers off."""
    url = pipeline.services.database_url
    if not request.param:
        administer(url, "REVOKE SET ON PARAMETER session_replication_role FROM pipeline_worker")
    pipeline.loader = loader(pipeline)
    yield request.param
    administer(url, "GRANT SET ON PARAMETER session_replication_role TO pipeline_worker")


def loader(pipeline: Pipeline, stop: threading.Event | None = None) -> ChunkLoader:
    return ChunkLoader(Database(as_user(pipeline.services.database_url, WORKER, PASSWORD), "tests"), stop)


@pytest.mark.parametrize("is_partitioned", [False, True], ids=["table", "partitions"])
def test_the_triggers_are_off_for_the_copy_alone_and_only_where_granted(
    pipeline: Pipeline, granted: bool, is_partitioned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_partitioned:
        partition(pipeline)
    seen = []
    copy = Transaction.copy

    def copy_and_look(tx: Transaction, table: str, *rest: Any) -> None:
        seen.append((table, tx.value("SHOW session_replication_role")))
        copy(tx, table, *rest)

    monkeypatch.setattr(Transaction, "copy", copy_and_look)
    pipeline.load(2, places=PLACES, people=PEOPLE)
    during = "replica" if granted else "origin"
    assert [role for table, role in seen if table == PEOPLE_TABLE] == [during, during]
    assert {role for table, role in seen if table != PEOPLE_TABLE} == {"origin"}


def test_a_place_that_goes_before_the_chunk_comes_is_not_referred_to(pipeline: Pipeline, granted: bool) -> None:  # noqa: ARG001
    pipeline.load(places=PLACES, people=PEOPLE.replace("Tenby", "Cork"))  # the worker remembers Tenby from now on
    people = pipeline.people()
    deleter = psycopg2.connect(pipeline.services.database_url)
    deleter.cursor().execute("DELETE FROM places WHERE city = 'Tenby'")
    pipeline.write(**{"people-west": IN_TENBY})
    pipeline.produce()
    with ThreadPoolExecutor(1) as threads:
        working = threads.submit(pipeline.loader.load_chunk, 3, 1, IN_TENBY.removeprefix(HEADER))
        wait_until(lambda: pipeline.rows("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
        deleter.commit()
        working.result()
    deleter.close()
    assert pipeline.people() == people
    assert [reason for *_, reason, _ in pipeline.rejected()] == ["place_of_birth 'Tenby' is not in places"]


def test_a_place_that_a_chunk_refers_to_cannot_go_before_its_commit(
    pipeline: Pipeline,
    granted: bool,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipeline.load(places=PLACES)
    copied, may_commit = threading.Event(), threading.Event()
    record = ledger.record

    def record_later(tx: Transaction, claimed: Claim, counts: Counts, retries: int) -> None:
        record(tx, claimed, counts, retries)
        copied.set()
        assert may_commit.wait(20)

    pipeline.write(people=IN_TENBY)
    pipeline.produce()
    monkeypatch.setattr(ledger, "record", record_later)
    with ThreadPoolExecutor(2) as threads:
        working = threads.submit(pipeline.loader.load_chunk, 2, 1, IN_TENBY.removeprefix(HEADER))
        assert copied.wait(20)
        deleting = threads.submit(administer, pipeline.services.database_url, "DELETE FROM places WHERE city = 'Tenby'")
        wait_until(lambda: pipeline.rows("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
        may_commit.set()
        working.result()
        with pytest.raises(ForeignKeyViolation):
            deleting.result()
    assert named(pipeline) == [(1, "Siân")]
    assert pipeline.rows(DANGLING) == [(0,)]


def delete_and_enter_places(pipeline: Pipeline, cities: list[str], done: threading.Event) -> int:
    """Again and again, one drawn from these; returns how many could be deleted."""
    random = Random(6)
    deleted = 0
    [(county,)] = pipeline.rows("SELECT id FROM counties")
    with administration(pipeline.services.database_url) as cursor:
        while not done.is_set():
            city = random.choice(cities)
            try:
                cursor.execute("DELETE FROM places WHERE city = %s", (city,))
            except ForeignKeyViolation:
                continue
            deleted += 1
            cursor.execute("INSERT INTO places (city, county_id, listed_by_load) VALUES (%s, %s, 1)", (city, county))
    return deleted


@pytest.mark.parametrize("is_partitioned", [False, True], ids=["table", "partitions"])
def test_places_that_come_and_go_all_the_time_leave_no_person_without_one(
    pipeline: Pipeline,
    granted: bool,  # noqa: ARG001
    is_partitioned: bool,
) -> None:
    if is_partitioned:
        partition(pipeline)
    random = Random(5)
    cities = [f"City {number}" for number in range(300)]
    pipeline.load(places="city,county,country\n" + "".join(f"{city},Fife,Scotland\n" for city in cities))
    rows = [f"Jean,Kerr,1901-02-03,{random.choice(cities)}\n" for _ in range(1_000)]
    pipeline.write(people=HEADER + "".join(rows))
    pipeline.produce(chunk_rows=10)
    loaders = [loader(pipeline) for _ in range(3)]
    chunks = list(range(1, 101))
    lock = threading.Lock()

    def work() -> None:
        with lock:
            each = loaders.pop()
        while True:
            with lock:
                if not chunks:
                    return
                number = chunks.pop(0)
            each.load_chunk(2, number, "".join(rows[10 * number - 10 : 10 * number]))

    done = threading.Event()
    with ThreadPoolExecutor(1) as vandal:
        vandalising = vandal.submit(delete_and_enter_places, pipeline, cities, done)
        try:
            at_once(work, times=3)
        finally:
            done.set()
        assert vandalising.result() > 0
    assert pipeline.rows(DANGLING) == [(0,)]
    pipeline.check_reconciliation()
    administer(  # the key says so as well, when it looks at all rows
        pipeline.services.database_url,
        "ALTER TABLE people DROP CONSTRAINT people_place_id_fkey",
        "ALTER TABLE people ADD CONSTRAINT people_place_id_fkey FOREIGN KEY (place_id) REFERENCES places (id)",
    )


AUDIT = """
    CREATE TABLE audit (row_number bigint);
    GRANT INSERT ON audit TO pipeline_worker;
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO audit VALUES (NEW.row_number);
        RETURN NULL;
    END $$;
"""
PARTITIONED = """
    DROP TABLE people;
    CREATE TABLE people (
        source_id     integer NOT NULL,
        row_number    bigint NOT NULL,
        given_name    text NOT NULL,
        family_name   text NOT NULL,
        date_of_birth date NOT NULL,
        place_id      integer NOT NULL,
        CONSTRAINT people_pkey PRIMARY KEY (source_id, row_number),
        CONSTRAINT people_place_id_fkey FOREIGN KEY (place_id) REFERENCES places (id)
    ) PARTITION BY LIST (source_id);
    CREATE TABLE people_others PARTITION OF people DEFAULT;
    GRANT SELECT, INSERT, UPDATE, DELETE ON people TO pipeline_worker;
"""


@pytest.mark.parametrize(
    ("tables", "audited"), [("", "people"), (PARTITIONED, "people_others")], ids=["table", "partition"]
)
def test_triggers_that_users_added_are_not_switched_off(
    pipeline: Pipeline,
    granted: bool,  # noqa: ARG001
    tables: str,
    audited: str,
) -> None:
    trigger = f"CREATE TRIGGER note AFTER INSERT ON {audited} FOR EACH ROW EXECUTE FUNCTION note()"
    administer(pipeline.services.database_url, AUDIT + tables, trigger)
    pipeline.load(2, places=PLACES, people=PEOPLE)
    assert pipeline.rows("SELECT row_number FROM audit ORDER BY 1") == [(1,), (2,), (3,), (4,)]


def test_a_key_that_users_added_is_not_switched_off(pipeline: Pipeline, granted: bool) -> None:  # noqa: ARG001
    administer(
        pipeline.services.database_url,
        "CREATE TABLE names (name text PRIMARY KEY)",
        "GRANT SELECT ON names TO pipeline_worker",
        "INSERT INTO names VALUES ('Jean'), ('Tadhg')",
        "ALTER TABLE people ADD CONSTRAINT names FOREIGN KEY (given_name) REFERENCES names (name)",
    )
    pipeline.load(places=PLACES)
    pipeline.write(people=IN_TENBY)
    pipeline.produce()
    stop = threading.Event()
    stop.set()  # so that the worker does not try again
    with pytest.raises(RequeueError):
        loader(pipeline, stop).load_chunk(2, 1, IN_TENBY.removeprefix(HEADER))
    assert pipeline.people() == []
