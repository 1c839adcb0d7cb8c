"""Every character arrives as the file has it, under any setting of database, environment and file."""

import psycopg2
import pytest

from pipeline.errors import SettingsError
from pipeline.postgres.database import Database
from tests.conftest import PEOPLE, PLACES, Commands, Pipeline, Services
from tests.support import with_path


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
                Database(url, "tests").connect()
        finally:
            cursor.execute("DROP DATABASE not_utf8 WITH (FORCE)")
            connection.close()


def loaded_names(pipeline: Pipeline) -> dict[str, set[str]]:
    names: dict[str, set[str]] = {}
    for source, _, _, family_name, *_ in pipeline.people():
        names.setdefault(source, set()).add(family_name)
    return names


@pytest.fixture
def mixed(pipeline: Pipeline) -> Pipeline:
    """One file in UTF-8, one in latin-1."""
    pipeline.write(places=PLACES, people=PEOPLE)
    (pipeline.data / "people-3.csv").write_bytes(PEOPLE.encode("latin-1"))
    return pipeline


FAMILY_NAMES = {"Kerr", "Ó Ceallaigh", "Parry"}
BOTH = {"people.csv": FAMILY_NAMES, "people-3.csv": FAMILY_NAMES}


def test_the_encoding_of_one_file_is_kept_for_later_runs(commands: Commands, mixed: Pipeline) -> None:
    data = {"DATA_DIR": str(mixed.data)}
    assert commands.run("producer", "--encoding", "people-3.csv=latin-1", **data).returncode == 0
    mixed.work()
    assert loaded_names(mixed) == BOTH
    again = commands.run("producer", **data)
    assert "people-3.csv: 4 rows, unchanged, nothing to do" in again.stdout
    (mixed.data / "people-3.csv").write_bytes(PEOPLE.replace("Parry", "Pârry").encode("latin-1"))
    assert commands.run("producer", **data).returncode == 0
    mixed.work()
    assert loaded_names(mixed)["people-3.csv"] == {"Kerr", "Ó Ceallaigh", "Pârry"}
    assert mixed.rows("SELECT name, encoding FROM sources WHERE encoding IS NOT NULL") == [
        ("people-3.csv", "iso8859-1")
    ]


def test_a_utf8_file_is_not_read_in_an_encoding_for_all_files(commands: Commands, mixed: Pipeline) -> None:
    ended = commands.run("producer", DATA_DIR=str(mixed.data), ENCODING="latin-1")
    assert ended.returncode == 1
    assert "people.csv: the file is UTF-8, and would be read as iso8859-1" in ended.stderr
    assert mixed.rows("SELECT * FROM sources") == []
    told = commands.run("producer", DATA_DIR=str(mixed.data), ENCODING="latin-1 people.csv=utf-8")
    assert told.returncode == 0, told.stderr
    mixed.work()
    assert loaded_names(mixed) == BOTH


def test_another_encoding_makes_another_load_of_the_same_content(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.write(places=PLACES, people=PEOPLE.replace("Ó", "O").replace("â", "a"))
    data = {"DATA_DIR": str(pipeline.data)}
    assert commands.run("producer", **data).returncode == 0
    pipeline.work()
    assert commands.run("producer", "--encoding", "people.csv=latin-1", **data).returncode == 0
    pipeline.work()
    assert pipeline.counts() == {"inserted": 0, "updated": 0, "unchanged": 4, "rejected": 0, "deleted": 0}
    encodings = "SELECT encoding FROM loads JOIN sources ON sources.id = source_id WHERE name = 'people.csv'"
    assert pipeline.rows(encodings.replace("SELECT encoding", "SELECT loads.encoding") + " ORDER BY loads.id") == [
        ("utf-8",),
        ("iso8859-1",),
    ]


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-be", "utf-32", "utf-8-sig"])
def test_a_byte_order_mark_tells_the_encoding(commands: Commands, pipeline: Pipeline, codec: str) -> None:
    mark = "\ufeff" if codec == "utf-16-be" else ""
    (pipeline.data / "people.csv").write_bytes((mark + PEOPLE).encode(codec))
    pipeline.write(places=PLACES)
    assert commands.run("producer", DATA_DIR=str(pipeline.data)).returncode == 0
    pipeline.work()
    assert loaded_names(pipeline) == {"people.csv": FAMILY_NAMES}


def test_an_encoding_for_a_file_that_is_not_loaded_is_a_wrong_setting(commands: Commands, mixed: Pipeline) -> None:
    ended = commands.run("producer", "--encoding", "people-4.csv=latin-1", DATA_DIR=str(mixed.data))
    assert (ended.returncode, "no file 'people-4.csv' is loaded" in ended.stderr) == (2, True)


def test_a_cp1252_file_read_as_latin_1_is_warned_about_with_the_number_of_its_rows(
    commands: Commands, pipeline: Pipeline
) -> None:
    pipeline.write(places=PLACES)
    people = PEOPLE.replace("Parry", "D’Arcy’s €").replace("Tadhg", "“Tadhg”")
    (pipeline.data / "people.csv").write_text(people, encoding="cp1252")
    folders = {"DATA_DIR": str(pipeline.data)}
    warned = commands.run("producer", "--encoding", "latin-1", **folders)
    assert (
        warned.stderr.count("people.csv: 2 rows hold control characters (U+0080 to U+009F) when read as iso8859-1") == 1
    )
    assert "the file looks like cp1252: --encoding people.csv=cp1252\n" in warned.stderr
    assert "control" not in commands.run("producer", **folders).stderr
    assert "control" not in commands.run("producer", "--encoding", "people.csv=cp1252", **folders).stderr
