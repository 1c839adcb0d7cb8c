"""The databases of the tests: what one test leaves is gone for the next."""

import pytest

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
