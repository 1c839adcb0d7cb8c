"""The schema: repeatable, strict, and able to bring an earlier one up to date."""

from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from pipeline.descriptions.descriptor import description_digest
from pipeline.errors import PipelineError, SettingsError
from pipeline.ledger.load import LoadPlan
from pipeline.postgres.database import Database
from pipeline.postgres.schema import ROLES, SCHEMA, apply_schema
from pipeline.tables.described import bring_up_to_date
from producer.scan import scan
from producer.sources import find_sources
from tests.catalog import catalog, differences
from tests.conftest import OWN_TABLES, PEOPLE, PLACES, Pipeline, Services, queue_of
from tests.support import administer, at_once

EARLIER = Path(__file__).parent / "earlier"
EARLIER_SCHEMAS = (EARLIER / "schema.sql", EARLIER / "schema_1.sql")  # of version 0.1.0, and the last without a number
KEPT_TABLES = ("countries", "counties", "places", "sources", "load_chunks", "people", "rejected_rows")


def test_the_schema_can_be_applied_again_to_a_full_database(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    people = pipeline.people()
    forget_that_the_schema_was_applied(pipeline)
    assert apply_schema(pipeline.database)
    assert pipeline.people() == people


def forget_that_the_schema_was_applied(pipeline: Pipeline) -> None:
    with pipeline.database.transaction() as tx:
        tx.run("UPDATE installation SET schema_sha256 = NULL")


@pytest.mark.parametrize("earlier", EARLIER_SCHEMAS, ids=lambda path: path.stem)
def test_an_earlier_database_is_brought_up_to_date_without_losing_a_row(pipeline: Pipeline, earlier: Path) -> None:
    """Then it is as a new one; and once more, nothing changes."""
    new = catalog(pipeline.database)
    start_with(pipeline, earlier)
    people = pipeline.people()
    assert len(people) == 4
    before = {table: rows_as_json(pipeline, table) for table in KEPT_TABLES}

    digests = {dataset.name: description_digest(dataset) for dataset in OWN_TABLES.datasets}
    for _ in range(2):
        assert bring_up_to_date(pipeline.database, OWN_TABLES)
        assert differences(catalog(pipeline.database), new) == set()
        assert pipeline.people() == people
        for table, rows in before.items():
            now = rows_as_json(pipeline, table)
            assert [{name: row[name] for name in rows[0]} for row in now] == rows  # there may be new columns
        assert pipeline.rows("SELECT * FROM places_listings ORDER BY city") == [
            ("Ayr", "Ayrshire", "Scotland", 1, 1, 1, "="),
            ("Cork", "Cork", "Ireland", 1, 2, 1, "="),
            ("Tenby", "Pembrokeshire", "Wales", 1, 3, 1, "="),
        ]
        assert pipeline.rows("SELECT id, encoding, description_sha256 FROM loads ORDER BY 1") == [
            (1, None, digests["places"]),
            (2, None, digests["people"]),
        ]
        forget_that_the_schema_was_applied(pipeline)


@pytest.mark.parametrize("earlier", EARLIER_SCHEMAS, ids=lambda path: path.stem)
def test_an_earlier_database_goes_on_as_it_was(pipeline: Pipeline, earlier: Path) -> None:
    start_with(pipeline, earlier)
    bring_up_to_date(pipeline.database, OWN_TABLES)
    pipeline.queue = queue_of(pipeline.services)  # only now has a database of version 0.1.0 an id
    assert [result.queued_chunks for result in pipeline.produce()] == [0, 0]
    contradicting = PLACES.replace("Ayrshire", "Strathclyde")
    pipeline.load(places=contradicting, people=PEOPLE.replace("Parry", "Pugh"))
    assert pipeline.counts("places.csv")["updated"] == 1
    assert (pipeline.counts()["updated"], pipeline.counts()["unchanged"]) == (1, 3)


def test_the_tables_of_a_newer_pipeline_are_refused(pipeline: Pipeline) -> None:
    with pipeline.database.transaction() as tx:
        tx.run("UPDATE installation SET schema_version = 1000, schema_sha256 = 'of another'")
    with pytest.raises(
        SettingsError, match=r"has version 1000 of the pipeline's tables, and this pipeline makes version 2"
    ):
        apply_schema(pipeline.database)
    with pytest.raises(PipelineError, match="version 1000 of the schema, which is newer than version 2 here"):
        pipeline.database.run_script(SCHEMA)  # as psql would
    assert pipeline.rows("SELECT schema_version FROM installation") == [(1000,)]


def rows_as_json(pipeline: Pipeline, table: str) -> list[dict[str, Any]]:
    """Without the one column that was removed."""
    return [row for (row,) in pipeline.rows(f"SELECT to_jsonb({table}) - 'job_group' FROM {table} ORDER BY 1")]


def start_with(pipeline: Pipeline, earlier: Path) -> None:
    """Makes the database one of an earlier version, with both files loaded."""
    with pipeline.database.transaction() as tx:
        tx.run("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    pipeline.database.run_script(earlier)
    pipeline.write(places=PLACES, people=PEOPLE)
    load_as_earlier(pipeline)


def load_as_earlier(pipeline: Pipeline) -> None:
    """Enters the loads of both files, and their rows, as the earlier version did."""
    places, people = (scan_plan(pipeline, name) for name in ("places.csv", "people.csv"))
    with pipeline.database.transaction() as tx:
        for plan in (places, people):
            [chunk] = plan.chunks
            tx.run(
                "WITH source AS (INSERT INTO sources (name, dataset) VALUES (%(name)s, %(dataset)s) RETURNING id),"
                " load AS (INSERT INTO loads (source_id, sha256, columns, delimiter, row_count, chunk_count)"
                " SELECT id, %(sha256)s, %(columns)s, ',', %(rows)s, 1 FROM source RETURNING id)"
                " INSERT INTO load_chunks SELECT id, 1, 1, %(rows)s, 2, %(offset)s, %(size)s, %(chunk_sha256)s, 0,"
                " now(), %(rows)s, 0, 0, 0, 0 FROM load",
                name=plan.source,
                dataset=plan.dataset,
                sha256=plan.sha256,
                columns=list(plan.columns),
                rows=plan.row_count,
                offset=chunk.byte_offset,
                size=chunk.byte_count,
                chunk_sha256=chunk.sha256,
            )
        tx.run(
            "INSERT INTO countries (name) VALUES ('Scotland'), ('Ireland'), ('Wales');"
            " INSERT INTO counties (country_id, name) SELECT id, (ARRAY['Ayrshire', 'Cork', 'Pembrokeshire'])[id]"
            " FROM countries;"
            " INSERT INTO places (city, county_id, listed_by_load) SELECT (ARRAY['Ayr', 'Cork', 'Tenby'])[id], id, 1"
            " FROM counties;"
            " INSERT INTO people VALUES (2, 1, 'Jean', 'Kerr', '1901-02-03', 1), (2, 2, 'Tadhg', 'Ó Ceallaigh',"
            " '1912-11-10', 2), (2, 3, 'Siân', 'Parry', '1923-04-05', 3), (2, 4, 'Jean', 'Kerr', '1901-02-03', 1);"
            " INSERT INTO rejected_rows VALUES (1, 9, 10, 'city is empty', '{city is empty}', ',,')"
        )
        if tx.value("SELECT to_regclass('place_listings') IS NOT NULL"):
            tx.run("INSERT INTO place_listings SELECT city, 1, county_id, listed_by_load FROM places")


def scan_plan(pipeline: Pipeline, name: str) -> LoadPlan:
    [source] = find_sources(pipeline.data, (pipeline.data / name,))
    with Path(str(source.path)).open("rb") as file:
        return scan(source, file, None)


def test_the_schema_can_be_applied_by_several_processes_at_once(services: Services) -> None:
    with Database(services.database_url, "tests").transaction() as tx:
        tx.run("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    at_once(lambda: apply_schema(Database(services.database_url, "tests")), times=6)
    Database(services.database_url, "tests").check()


def test_a_schema_that_is_current_is_not_applied_again(pipeline: Pipeline) -> None:
    """Its views would wait for a reader, such as a report or an open psql, and then fail."""
    reader = Database(pipeline.services.database_url, "tests")
    hasty = Database(pipeline.services.database_url + "?options=-clock_timeout%3D2000", "tests")
    with reader.transaction() as tx, closing(hasty):
        tx.run("SELECT FROM load_progress")
        assert not apply_schema(hasty)


def test_a_schema_is_applied_again_once_a_role_of_a_stage_has_been_created(pipeline: Pipeline) -> None:
    with pipeline.database.transaction() as tx:
        tx.run("UPDATE installation SET schema_roles = '{pipeline_producer}'")
    assert apply_schema(pipeline.database)
    assert not apply_schema(pipeline.database)


def test_rights_come_back_after_a_restore_next_to_the_original(pipeline: Pipeline) -> None:
    """The dump has no rights, and the roles are there already."""
    before = granted(pipeline)
    with pipeline.database.transaction() as tx:
        tx.run(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {', '.join(ROLES)}")
    assert not granted(pipeline)
    assert bring_up_to_date(pipeline.database, OWN_TABLES)
    assert granted(pipeline) == before
    assert not bring_up_to_date(pipeline.database, OWN_TABLES)


def granted(pipeline: Pipeline) -> set[tuple[str, str, str, str]]:
    """Role, table, column (or '') and privilege."""
    of_stages = f"WHERE grantee IN ({', '.join(map(repr, ROLES))})"
    return set(
        pipeline.rows(
            f"SELECT grantee, table_name, '', privilege_type FROM information_schema.table_privileges {of_stages}"
            " UNION SELECT grantee, table_name, column_name, privilege_type"
            f" FROM information_schema.column_privileges {of_stages}"
        )
    )


def test_the_schema_can_be_applied_while_a_chunk_is_being_loaded(pipeline: Pipeline) -> None:
    """It takes no lock that a worker would wait for, or that waits for a worker."""
    pipeline.load(places=PLACES, people=PEOPLE)
    forget_that_the_schema_was_applied(pipeline)
    worker = Database(pipeline.services.database_url, "tests")
    with worker.transaction() as tx:
        tx.run("DELETE FROM people WHERE row_number = 1")
        tx.run("UPDATE load_chunks SET deleted = 0")
        other = Database(pipeline.services.database_url + "?options=-clock_timeout%3D2000", "tests")
        assert apply_schema(other)
        tx.run("DELETE FROM rejected_rows")


FORBIDDEN = (
    "INSERT INTO people VALUES (1, 1, '', 'Kerr', '1901-02-03', 1)",
    "INSERT INTO people VALUES (1, 1, repeat('x', 201), 'Kerr', '1901-02-03', 1)",
    "INSERT INTO people VALUES (1, 1, 'Jean', 'Kerr', '0044-03-15 BC', 1)",
    "INSERT INTO people VALUES (1, 0, 'Jean', 'Kerr', '1901-02-03', 1)",
    "INSERT INTO people VALUES (1, 1, 'Jean', 'Kerr', '1901-02-03', -1)",
    "INSERT INTO places (city, county_id, listed_by_load) SELECT city, county_id, 1 FROM places",
    "DELETE FROM places",
    "UPDATE load_chunks SET unchanged = unchanged + 1",
    "UPDATE load_chunks SET committed_at = NULL",
    "UPDATE load_chunks SET committed_at = NULL, inserted = NULL, updated = NULL, unchanged = NULL,"
    " rejected = NULL",  # deleted stays only in a chunk that was reopened
    "DELETE FROM sources",
)


def test_the_database_itself_refuses_what_breaks_a_rule(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    administer(pipeline.services.database_url, "DELETE FROM people WHERE row_number = 1")
    for statement in FORBIDDEN:
        with pytest.raises(psycopg2.IntegrityError):
            administer(pipeline.services.database_url, statement)


def test_every_table_has_a_comment(pipeline: Pipeline) -> None:
    uncommented = pipeline.rows(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')"
        " AND obj_description(oid, 'pg_class') IS NULL"
    )
    assert uncommented == []
