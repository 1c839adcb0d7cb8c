"""Mistakes of a user, as the real commands answer them."""

import json
import os
import time
from pathlib import Path

import pytest

from tests.conftest import PEOPLE, PLACES, Commands, Pipeline

HEADER = PEOPLE.splitlines(keepends=True)[0]


def files(pipeline: Pipeline) -> dict[str, str]:
    return {"DATA_DIR": str(pipeline.data), "OUTPUT_DIR": str(pipeline.data)}


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
