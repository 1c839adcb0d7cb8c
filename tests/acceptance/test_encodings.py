"""Every character arrives as the file has it, whatever the database, the environment or the file is set to."""

import psycopg2
import pytest

from pipeline.database import Database
from pipeline.errors import SettingsError
from tests.conftest import PEOPLE, PLACES, Commands, Pipeline, Services, with_path


def run_all_stages(commands: Commands, pipeline: Pipeline, **environment: str) -> None:
    folders = {"DATA_DIR": str(pipeline.data), "OUTPUT_DIR": str(pipeline.data)}
    for command in (["producer"], ["worker", "--burst"], ["exporter"]):
        ended = commands.run(*command, **folders, **environment)
        assert ended.returncode == 0, ended.stderr


NAMES = [("Jean", "Kerr"), ("Tadhg", "Ó Ceallaigh"), ("Siân", "Parry"), ("Jean", "Kerr")]


def test_pgclientencoding_changes_no_character(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.write(places=PLACES, people=PEOPLE)
    run_all_stages(commands, pipeline, PGCLIENTENCODING="LATIN1")
    assert [person[2:4] for person in pipeline.people()] == NAMES


def test_a_client_encoding_set_for_the_database_changes_no_character(commands: Commands, pipeline: Pipeline) -> None:
    with psycopg2.connect(pipeline.services.database_url) as connection, connection.cursor() as cursor:
        name = connection.info.dbname
        cursor.execute(f"ALTER DATABASE {name} SET client_encoding TO 'LATIN1'")
        cursor.execute(f"ALTER ROLE pipeline IN DATABASE {name} SET client_encoding TO 'LATIN1'")
    pipeline.write(places=PLACES, people=PEOPLE)
    run_all_stages(commands, pipeline)
    assert [person[2:4] for person in pipeline.people()] == NAMES


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_is_not_utf8_is_refused(commands: Commands, services: Services, encoding: str) -> None:
    connection = psycopg2.connect(services.database_url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE DATABASE not_utf8 ENCODING '{encoding}' TEMPLATE template0 LOCALE_PROVIDER libc LOCALE 'C'"
        )
        try:
            url = with_path(services.database_url, "/not_utf8")
            for command in (["pipeline", "schema"], ["producer"], ["worker"], ["exporter"]):
                ended = commands.run(*command, DATABASE_URL=url)
                assert (ended.returncode, encoding in ended.stderr) == (2, True), ended.stderr
            with pytest.raises(SettingsError):
                Database(url, "tests").check_reachable()
        finally:
            cursor.execute("DROP DATABASE not_utf8 WITH (FORCE)")
            connection.close()
