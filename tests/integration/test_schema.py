"""The schema: repeatable, and strict."""

import psycopg2
import pytest

from pipeline.database import Database
from pipeline.schema import apply_schema
from tests.conftest import PEOPLE, PLACES, Pipeline, Services, at_once


def test_the_schema_can_be_applied_again_to_a_full_database(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    people = pipeline.people()
    apply_schema(pipeline.database)
    assert pipeline.people() == people


def test_the_schema_can_be_applied_by_several_processes_at_once(services: Services) -> None:
    with Database(services.database_url, "tests").transaction() as tx:
        tx.run("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    at_once(lambda: apply_schema(Database(services.database_url, "tests")), times=6)
    Database(services.database_url, "tests").check()


def test_the_schema_can_be_applied_while_a_chunk_is_being_loaded(pipeline: Pipeline) -> None:
    """It takes no lock that a worker would wait for, or that waits for a worker."""
    pipeline.load(places=PLACES, people=PEOPLE)
    worker = Database(pipeline.services.database_url, "tests")
    with worker.transaction() as tx:
        tx.run("DELETE FROM people WHERE row_number = 1")
        tx.run("UPDATE load_chunks SET deleted = 0")
        other = Database(pipeline.services.database_url + "?options=-clock_timeout%3D2000", "tests")
        apply_schema(other)
        tx.run("DELETE FROM rejected_rows")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO people VALUES (1, 1, '', 'Kerr', '1901-02-03', 1)",
        "INSERT INTO people VALUES (1, 1, repeat('x', 201), 'Kerr', '1901-02-03', 1)",
        "INSERT INTO people VALUES (1, 1, 'Jean', 'Kerr', '0044-03-15 BC', 1)",
        "INSERT INTO people VALUES (1, 0, 'Jean', 'Kerr', '1901-02-03', 1)",
        "INSERT INTO people VALUES (1, 1, 'Jean', 'Kerr', '1901-02-03', -1)",
        "INSERT INTO places (city, county_id, listed_by_load) SELECT city, county_id, 1 FROM places",
        "DELETE FROM places",
        "UPDATE load_chunks SET unchanged = unchanged + 1",
        "UPDATE load_chunks SET committed_at = NULL",
        "DELETE FROM sources",
    ],
)
def test_the_database_itself_refuses_what_breaks_a_rule(pipeline: Pipeline, statement: str) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    with psycopg2.connect(pipeline.services.database_url) as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM people WHERE row_number = 1")
        with pytest.raises(psycopg2.IntegrityError):
            cursor.execute(statement)


def test_every_table_has_a_comment(pipeline: Pipeline) -> None:
    uncommented = pipeline.rows(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')"
        " AND obj_description(oid, 'pg_class') IS NULL"
    )
    assert uncommented == []
