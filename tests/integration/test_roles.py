"""Least privilege: each stage can do its work as a member of its role, and nothing that is not its work."""

import re
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pytest
from psycopg2.errors import InsufficientPrivilege

from exporter.export import export
from exporter.report import find_reports
from monitor.rejected import Search, find
from pipeline.embedded.servers import Servers
from pipeline.errors import SettingsError
from pipeline.forgetting import forget_rows
from pipeline.postgres.database import Database
from pipeline.postgres.schema import SCHEMA, apply_schema
from pipeline.postgres.transaction import Transaction
from pipeline.status.status import StatusReader
from tests.conftest import PEOPLE, PLACES, Pipeline, named, partition
from tests.integration.test_keyed import described
from tests.support import administer, as_user, at_once, with_path
from worker.load import ChunkLoader

PASSWORD = "of-the-tests"
STAGES = ("producer", "worker", "exporter", "monitor")
TABLES = (
    "installation",
    "countries",
    "counties",
    "places",
    "sources",
    "descriptions",
    "datasets",
    "loads",
    "load_chunks",
    "chunk_texts",
    "places_listings",
    "people",
    "rejected_rows",
)
NUMBERS = count(1)

Url = Callable[[str], str]

OF_THE_OWNER = [
    *(f"TRUNCATE {table} CASCADE" for table in TABLES),
    *(f"DROP TABLE {table} CASCADE" for table in TABLES),
    *(f"ALTER TABLE {table} ADD COLUMN note text" for table in TABLES),
    "ALTER TABLE load_chunks DROP CONSTRAINT load_chunks_reconcile",
    "DROP VIEW current_loads CASCADE",
    "CREATE OR REPLACE VIEW current_loads AS SELECT * FROM loads",
    "CREATE TABLE notes (note text)",
    "CREATE SCHEMA notes",
    "CREATE ROLE other",
]
PLACED = (
    "SELECT city, counties.name, countries.name FROM places JOIN counties ON counties.id = county_id"
    " JOIN countries ON countries.id = country_id"
)
INSERT_PLACE = "INSERT INTO places (city, county_id, listed_by_load) SELECT 'Oban', county_id, 1 FROM places LIMIT 1"
INSERT_PERSON = "INSERT INTO people VALUES (1, 99, 'Jean', 'Kerr', '1901-02-03', 1)"
INSERT_LOAD = (
    "INSERT INTO loads (source_id, sha256, columns, delimiter, row_count, chunk_count)"
    " VALUES (1, repeat('0', 64), '{city}', ',', 1, 1)"
)
INSERT_CHUNK = (
    "INSERT INTO load_chunks (load_id, number, first_row, row_count, first_line, byte_offset, byte_count, sha256)"
    " VALUES (1, 99, 1, 1, 2, 0, 1, repeat('0', 64))"
)
INSERT_REJECTED = "INSERT INTO rejected_rows VALUES (1, 99, 100, 'no reason', '{}', '')"

NOT_THE_STAGES = {
    "producer": [
        *OF_THE_OWNER,
        INSERT_PERSON,
        INSERT_REJECTED,
        "SELECT raw FROM rejected_rows",
        "UPDATE people SET given_name = 'Jean'",
        "UPDATE people SET source_id = 2",
        "UPDATE places SET city = 'Oban'",
        "UPDATE sources SET dataset = 'people'",
        "UPDATE loads SET row_count = 0",
        "UPDATE load_chunks SET sha256 = repeat('0', 64)",
        "UPDATE load_chunks SET row_count = 0",
        "DELETE FROM load_chunks",
        "UPDATE descriptions SET content = ''",
        "DELETE FROM descriptions",
        "UPDATE datasets SET table_name = 'loads'",
        "SELECT content FROM chunk_texts",
    ],
    "worker": [
        *OF_THE_OWNER,
        INSERT_LOAD,
        INSERT_CHUNK,
        "INSERT INTO sources (name, dataset) VALUES ('people-2.csv', 'people')",
        "SELECT raw FROM rejected_rows",
        "UPDATE loads SET row_count = 0",
        "UPDATE load_chunks SET reopened = 1",
        "UPDATE load_chunks SET sha256 = repeat('0', 64)",
        "UPDATE load_chunks SET row_count = 0",
        "UPDATE people SET source_id = 2",
        "UPDATE places SET city = 'Oban'",
        "UPDATE rejected_rows SET reason = ''",
        "UPDATE sources SET name = 'people-2.csv'",
        "DELETE FROM loads",
        "DELETE FROM load_chunks",
        "DELETE FROM sources",
        "DELETE FROM places",
        "INSERT INTO descriptions VALUES (encode(sha256(''), 'hex'), '')",
        "UPDATE datasets SET table_name = 'loads'",
        "UPDATE chunk_texts SET content = ''",
    ],
    "exporter": [
        *OF_THE_OWNER,
        "CREATE TEMPORARY TABLE notes (note text)",
        *(f"DELETE FROM {table}" for table in TABLES),
        *(f"SELECT * FROM {table} FOR UPDATE" for table in TABLES),
        INSERT_PLACE,
        INSERT_PERSON,
        INSERT_LOAD,
        INSERT_CHUNK,
        INSERT_REJECTED,
        "INSERT INTO countries (name) VALUES ('Jersey')",
        "INSERT INTO counties (country_id, name) VALUES (1, 'Jersey')",
        "INSERT INTO sources (name, dataset) VALUES ('people-2.csv', 'people')",
        "UPDATE countries SET name = name",
        "UPDATE counties SET name = name",
        "UPDATE places SET city = city",
        "UPDATE sources SET name = name",
        "UPDATE loads SET row_count = row_count",
        "UPDATE load_chunks SET committed_at = NULL",
        "UPDATE people SET given_name = given_name",
        "UPDATE rejected_rows SET reason = reason",
    ],
    "monitor": [
        *OF_THE_OWNER,
        "CREATE TEMPORARY TABLE notes (note text)",
        *(f"DELETE FROM {table}" for table in TABLES),
        "SELECT given_name FROM people",
        "SELECT city FROM places",
        "SELECT content FROM chunk_texts",
        "SELECT content FROM descriptions",
        "UPDATE load_chunks SET committed_at = NULL",
        "UPDATE rejected_rows SET reason = reason",
    ],
}


@pytest.fixture(scope="module")
def users(servers: Servers) -> None:
    """A user for each stage, of whom only the membership in the stage's role is known; and one without any."""
    for stage in STAGES:
        administer(
            servers.database_url, f"CREATE ROLE {stage}_user LOGIN PASSWORD '{PASSWORD}' IN ROLE pipeline_{stage}"
        )
    administer(servers.database_url, f"CREATE ROLE plain_user LOGIN PASSWORD '{PASSWORD}'")


@pytest.fixture
def url_of(pipeline: Pipeline, users: None) -> Url:  # noqa: ARG001
    """The test's database as the user of a stage, who has no rights but those of the stage's role."""
    url = pipeline.services.database_url
    administer(url, f"REVOKE ALL ON DATABASE {urlsplit(url).path[1:]} FROM PUBLIC")
    administer(url, "REVOKE ALL ON SCHEMA public FROM PUBLIC")
    apply_schema(pipeline.database)
    return lambda stage: as_user(url, f"{stage}_user", PASSWORD)


@pytest.fixture
def stages(pipeline: Pipeline, url_of: Url) -> Pipeline:
    """The pipeline with producer and worker connected as their users."""
    stages = Pipeline(pipeline.services, pipeline.data)
    stages.database = Database(url_of("producer"), "tests")
    stages.loader = ChunkLoader(Database(url_of("worker"), "tests"))
    return stages


@pytest.fixture
def empty_url(servers: Servers, users: None) -> Iterator[Callable[[], str]]:  # noqa: ARG001
    """Makes databases without a table that belong to a user who may not create roles."""
    names = []

    def make() -> str:
        names.append(f"empty_{next(NUMBERS)}")
        administer(servers.database_url, f"CREATE DATABASE {names[-1]} OWNER plain_user")
        return with_path(servers.database_url, f"/{names[-1]}")

    yield make
    for name in names:
        administer(servers.database_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def schema_of_other_roles(tmp_path: Path) -> Path:
    """schema.sql with names of roles that the cluster does not have yet."""
    schema = tmp_path / "schema.sql"
    schema.write_text(SCHEMA.read_text().replace("pipeline_", f"other_{next(NUMBERS)}_"))
    return schema


@pytest.mark.parametrize("is_partitioned", [False, True], ids=["table", "partitions"])
def test_every_stage_can_do_its_work_as_a_member_of_its_role_alone(
    pipeline: Pipeline, stages: Pipeline, url_of: Url, tmp_path: Path, is_partitioned: bool
) -> None:
    if is_partitioned:
        partition(pipeline)
    exporter = Database(url_of("exporter"), "tests")
    for database in (stages.database, exporter, Database(url_of("worker"), "tests")):
        database.check()
    unknown = PEOPLE + "Ewan,Reid,1930-01-01,Oban\n"
    stages.load(2, places=PLACES, people=unknown)
    assert [reason for *_, reason, _ in pipeline.rejected()] == ["place_of_birth 'Oban' is not in places"]

    stages.load(2, places=PLACES + "Oban,Argyll,Scotland\n")
    assert pipeline.rejected() == []
    assert named(pipeline) == [(1, "Jean"), (2, "Tadhg"), (3, "Siân"), (4, "Jean"), (5, "Ewan")]

    stages.load(2, people=PEOPLE.replace("Siân", "Sian"), places=PLACES.replace("Cork,Cork", "Cork,County Cork"))
    assert named(pipeline) == [(1, "Jean"), (2, "Tadhg"), (3, "Sian"), (4, "Jean")]
    exported = export(exporter, find_reports(tmp_path, tmp_path), tmp_path)
    assert exported is not None
    assert exported.failures == []
    assert "could not be read" not in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert (tmp_path / "summary_output.json").read_text() == '{"Scotland":2,"Ireland":1,"Wales":1}'

    monitor = Database(url_of("monitor"), "tests", read_only=True)
    assert StatusReader(monitor, lambda: pipeline.queue, 32).read().state == "idle"
    assert find(monitor, Search()) == ([], 0)

    with stages.database.transaction() as tx:
        assert [each.rows for each in forget_rows(tx, {"people.csv"})[0]] == [4]
    assert pipeline.people() == []


def test_the_producer_can_forget_what_several_sources_list(pipeline: Pipeline, stages: Pipeline) -> None:
    """The other sources decide again, so that a place may get back the county that it was alone to have."""
    header = PLACES.splitlines()[0] + "\n"
    stages.load(**{"places-1": header + "Ayr,First,Alba\n", "places-2": header + "Ayr,Second,Scotland\n"})
    stages.load(**{"places-3": header + "Cork,Cork,Ireland\n"})
    for source, left in (
        ("places-3.csv", [("Ayr", "Second", "Scotland")]),
        ("places-2.csv", [("Ayr", "First", "Alba")]),
        ("places-1.csv", []),
    ):
        with stages.database.transaction() as tx:
            forget_rows(tx, {source})
        assert pipeline.rows(PLACED) == left


@pytest.mark.parametrize("key", [{}, {"primaryKey": "id"}], ids=["by_position", "by_key"])
def test_the_stages_roles_may_settle_unique_values(pipeline: Pipeline, stages: Pipeline, key: dict[str, Any]) -> None:
    code = {"name": "code", "constraints": {"unique": True}}
    schema = {"fields": [{"name": "id", "type": "integer"}, code], **key}
    described(pipeline, {"name": "things", "path": "things*.csv", "schema": schema})
    stages.load(1, **{"things-1": "id,code\n1,a\n2,b\n3,b\n", "things-2": "id,code\n4,a\n"})
    stages.load(1, **{"things-1": "id,code\n1,b\n2,a\n3,b\n"})
    assert stages.rows("SELECT id, code FROM things ORDER BY id") == [(1, "b"), (2, "a")]
    with stages.database.transaction() as tx:
        forget_rows(tx, {"things-1.csv"})
    (stages.data / "things-1.csv").unlink()
    stages.load()
    assert stages.rows("SELECT id, code FROM things ORDER BY id") == [(4, "a")]


@pytest.mark.parametrize("stage", STAGES)
def test_what_is_not_the_work_of_a_stage_is_refused(pipeline: Pipeline, url_of: Url, stage: str) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    connection = psycopg2.connect(url_of(stage))
    allowed = []
    with connection.cursor() as cursor:
        for statement in NOT_THE_STAGES[stage]:
            try:
                cursor.execute(statement)
            except InsufficientPrivilege:
                pass
            else:
                allowed.append(statement)
            connection.rollback()
    connection.close()
    assert allowed == []


@pytest.mark.parametrize("stage", STAGES)
def test_no_stage_has_a_login_by_default(pipeline: Pipeline, stage: str) -> None:
    login = "SELECT rolcanlogin, rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = "
    assert pipeline.rows(f"{login} 'pipeline_{stage}'") == [(False, False, False, False)]


@pytest.mark.parametrize(
    ("stage", "user", "lacking"),
    [
        ("producer", "exporter", "INSERT on loads, INSERT on load_chunks"),
        ("worker", "producer", "INSERT on rejected_rows"),
        ("worker", "exporter", "UPDATE on load_chunks, INSERT on rejected_rows"),
        ("monitor", "worker", "SELECT on load_progress, SELECT on rejected_rows"),
        ("monitor", "producer", "SELECT on rejected_rows"),
        ("exporter", "producer", "SELECT on rejected_rows"),
    ],
)
def test_a_stage_with_the_role_of_another_is_refused_at_start_with_the_rights_it_lacks(
    url_of: Url, stage: str, user: str, lacking: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        Database(url_of(user), stage).check()
    assert f"lacks rights of the {stage}: {lacking}; name a user who is a member of the role pipeline_{stage}" in str(
        raised.value
    )


def test_the_status_needs_the_rights_of_the_monitor(url_of: Url) -> None:
    with pytest.raises(SettingsError, match=r"lacks rights of the monitor: .*; name a user who .* pipeline_monitor"):
        Database(url_of("worker"), "status").check()
    Database(url_of("monitor"), "status").check()


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_with_its_own_role_is_not_refused(url_of: Url, stage: str) -> None:
    Database(url_of(stage), stage).check()


def test_a_stage_that_writes_is_refused_where_the_database_is_read_only(pipeline: Pipeline) -> None:
    """The setting was overridden: rows were loaded into a database that is read-only."""
    with pipeline.database.transaction() as tx:
        tx.run(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %%I SET default_transaction_read_only = on',"
            " current_database()); END $$"
        )
    for stage in ("producer", "worker"):
        with pytest.raises(SettingsError, match="is read-only for its user: default_transaction_read_only is on"):
            Database(pipeline.services.database_url, stage).check()
    Database(pipeline.services.database_url, "exporter").check()


def test_a_standby_is_refused_by_stages_that_write_and_named(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Transaction, "rows", lambda *_, **__: [(True, True)])
    with (
        pipeline.database.transaction() as tx,
        pytest.raises(SettingsError, match="is a standby, which can only be read"),
    ):
        pipeline.database.check_writable(tx)


def test_an_owner_who_may_not_create_roles_can_apply_the_schema(
    empty_url: Callable[[], str], schema_of_other_roles: Path
) -> None:
    """Without roles it works as ever; roles that are there already get their rights."""
    url = empty_url()
    owner = Database(as_user(url, "plain_user", PASSWORD), "tests")
    for _ in range(2):
        owner.run_script(schema_of_other_roles)
        owner.check()
    apply_schema(owner)
    with Database(as_user(url, "exporter_user", PASSWORD), "tests").transaction() as tx:
        assert tx.rows("SELECT * FROM people") == []


def worker_of(schema: Path) -> str:
    """The worker's role in a schema_of_other_roles."""
    [role] = set(re.findall(r"other_\d+_worker", schema.read_text()))
    return str(role)


def may_switch_triggers_off(url: str, role: str) -> bool:
    with Database(url, "tests").transaction() as tx:
        return bool(tx.value(f"SELECT has_parameter_privilege('{role}', 'session_replication_role', 'SET')"))


def test_a_superuser_s_grant_to_the_worker_stays_revoked(
    empty_url: Callable[[], str], schema_of_other_roles: Path
) -> None:
    url, role = empty_url(), worker_of(schema_of_other_roles)
    schema = Database(url, "tests")
    schema.run_script(schema_of_other_roles)
    assert may_switch_triggers_off(url, role)
    administer(url, f"REVOKE SET ON PARAMETER session_replication_role FROM {role}")
    schema.run_script(schema_of_other_roles)
    assert not may_switch_triggers_off(url, role)


def test_who_may_create_roles_but_not_grant_the_parameter_creates_them_without_it(
    empty_url: Callable[[], str], schema_of_other_roles: Path
) -> None:
    url = empty_url()
    administer(url, "ALTER ROLE plain_user CREATEROLE")
    try:
        Database(as_user(url, "plain_user", PASSWORD), "tests").run_script(schema_of_other_roles)
    finally:
        administer(url, "ALTER ROLE plain_user NOCREATEROLE")
    assert not may_switch_triggers_off(url, worker_of(schema_of_other_roles))


def test_the_schema_can_be_applied_to_several_databases_at_once(
    empty_url: Callable[[], str], schema_of_other_roles: Path
) -> None:
    """Roles belong to the cluster: each of the databases wants to create them."""
    urls = [empty_url() for _ in range(4)]
    todo = iter(urls)
    at_once(lambda: Database(next(todo), "tests").run_script(schema_of_other_roles), times=len(urls))
    for url in urls:
        with Database(url, "tests").transaction() as tx:
            granted = "SELECT count(DISTINCT grantee) FROM information_schema.role_table_grants WHERE grantee ~"
            assert tx.value(f"{granted} '^other_'") == len(STAGES)
