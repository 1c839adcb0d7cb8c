"""The databases of the tests: what one test leaves is gone for the next."""

import pytest

from pipeline.errors import PipelineError, TransientError
from pipeline.postgres.database import Database, cut_connections
from tests.databases import Databases
from tests.support import administration

NAME = "SELECT current_database(), (SELECT oid FROM pg_database WHERE datname = current_database())"
COUNTRY = "INSERT INTO countries (name) VALUES ('Scotland') RETURNING id"
PARTITIONED = (
    "CREATE TABLE things (id bigint) PARTITION BY LIST (id); CREATE TABLE thing PARTITION OF things FOR VALUES IN (1)"
)
DATASET = "INSERT INTO datasets (name, table_schema, table_name, structure) VALUES ('things', 'public', 'things', '{}')"
LEFT = {
    "rows": (COUNTRY, True),
    "another table": (
        "CREATE TABLE things (id bigint GENERATED ALWAYS AS IDENTITY, place bigint REFERENCES places)",
        True,
    ),
    "a table with partitions": (PARTITIONED, True),
    "a row of a table that has some": (DATASET, True),
    "a type": ("CREATE TYPE colour AS ENUM ('red')", False),
    "a table that is gone": ("DROP TABLE installation CASCADE", False),
    "a column": ("ALTER TABLE people ADD COLUMN note text", False),
    "a right": ("GRANT SELECT ON people TO public", False),
    "a row that the template has": ("UPDATE installation SET schema_version = 0", False),
    "a setting": ("DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET jit = off', current_database()); END$$", False),
}
END_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'pipeline %'"

END_ALL_OTHER_SESSIONS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


@pytest.mark.parametrize(("statement", "is_reused"), LEFT.values(), ids=LEFT)
def test_a_database_is_used_again_only_where_what_a_test_added_can_be_removed(
    databases: Databases, statement: str, is_reused: bool
) -> None:
    seen = []
    for _ in range(2):
        with databases.copy_of("with_tables") as url, administration(url) as cursor:
            cursor.execute(NAME)
            seen += cursor.fetchall()
            cursor.execute(COUNTRY)
            assert cursor.fetchall() == [(1,)]
            cursor.execute("SELECT to_regclass('things'), (SELECT count(*) FROM datasets WHERE name = 'things')")
            assert cursor.fetchall() == [(None, 0)]
            cursor.execute("DELETE FROM countries")
            cursor.execute(statement)
    (name, oid), (next_name, next_oid) = seen
    assert name != next_name
    assert (oid == next_oid) == is_reused


SESSION = "SELECT pg_backend_pid(), current_database()"
OF_SESSION = """
    SELECT to_regclass('pg_temp.kept'), current_user, current_setting('lock_timeout'), current_setting('work_mem'),
        (SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory')
"""
CHANGE_SESSION = """
    CREATE TEMPORARY TABLE kept (); SET ROLE pipeline_worker; SET lock_timeout = 1; SET work_mem = '1MB';
    SELECT pg_advisory_lock(1)
"""


def test_a_session_is_used_again_as_it_was_when_it_began(databases: Databases) -> None:
    seen, states = [], []
    for _ in range(2):
        with databases.copy_of("with_tables"):
            database = databases.session()
            with database.transaction() as tx:
                seen += tx.rows(SESSION)
                states += tx.rows(OF_SESSION)
                tx.run(CHANGE_SESSION)
    (pid, name), (next_pid, next_name) = seen
    assert (pid == next_pid, name == next_name) == (True, False)
    assert states[0] == states[1]


def test_a_session_that_a_test_has_ended_begins_again(databases: Databases) -> None:
    for _ in range(2):
        with databases.copy_of("with_tables") as url:
            database = databases.session()
            with database.transaction() as tx:
                assert tx.value("SELECT 1") == 1
            with administration(url) as cursor:
                cursor.execute(END_SESSIONS)


def test_a_session_that_was_cut_while_it_was_not_in_use_is_not_used_again(databases: Databases) -> None:
    for _ in range(2):
        with databases.copy_of("with_schema"):
            database = databases.session()
            with database.transaction() as tx:
                assert tx.value("SELECT 1") == 1
        cut_connections()


def test_a_database_whose_server_a_test_has_restarted_is_not_used_again(databases: Databases) -> None:
    seen = []
    for _ in range(2):
        with databases.copy_of("with_tables") as url, administration(url) as cursor:
            cursor.execute(NAME)
            seen += cursor.fetchall()
            databases.session().connect()
            cursor.execute(END_ALL_OTHER_SESSIONS)
    (_, oid), (_, next_oid) = seen
    assert oid != next_oid


def test_no_process_of_a_test_finds_the_database_of_the_next(databases: Databases) -> None:
    with databases.copy_of("with_tables") as url:
        left = Database(url, "tests")
        left.connect()
    with databases.copy_of("with_tables"), pytest.raises(TransientError), left.transaction() as tx:
        tx.run("SELECT 1")
    with databases.copy_of("with_tables"), pytest.raises(PipelineError, match="does not exist"):
        left.connect()
