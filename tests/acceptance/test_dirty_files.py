"""Files that nobody cleaned, through the real commands."""

import csv
import gzip
import os
import subprocess
from pathlib import Path

from tests.conftest import PEOPLE, PLACES, Commands, Pipeline
from tests.forked import run_forked
from tests.integration.test_rejects import ACCEPTED, DIRTY, GOOD, HEADER, shown


def check(*arguments: object) -> "subprocess.CompletedProcess[str]":
    return run_forked(["pipeline", "check", *map(str, arguments)], {"PATH": os.environ["PATH"]})


def write_dirty(folder: Path) -> int:
    """Places, and people with each kind of bad row; returns the number of bad rows."""
    (folder / "places.csv").write_text(PLACES)
    (folder / "people.csv").write_bytes(HEADER.encode() + b"".join(GOOD.encode() + bad for bad, _ in DIRTY))
    return len(DIRTY)


def test_a_dirty_file_loads_its_good_rows_and_lists_its_bad_ones(commands: Commands, pipeline: Pipeline) -> None:
    bad = write_dirty(pipeline.data)
    ended = commands.run("pipeline", "run", "--data", str(pipeline.data), "--chunk-rows", "3")
    assert ended.returncode == 0, ended.stderr
    assert f"people.csv: {2 * bad} rows = {bad} inserted + 0 updated + 0 unchanged + {bad} rejected" in ended.stdout
    assert (
        f"{bad} rows of people.csv rejected, listed in rejected_rows.csv; most often: 4 x date_of_birth is not"
        in ended.stdout
    )
    assert "no limit is set on rejected rows; --max-rejects N or N% sets one" in ended.stderr
    with (pipeline.data / "rejected_rows.csv").open(encoding="utf-8", newline="") as file:
        listed = list(csv.DictReader(file))
    assert [(int(row["row_number"]), row["reason"], row["raw"]) for row in listed] == [
        (2 * index, reason, shown(raw)) for index, (raw, reason) in enumerate(DIRTY, 1)
    ]
    summary = (pipeline.data / "summary_output.json").read_bytes()
    assert summary == b'{"Scotland":%d}' % bad
    (pipeline.data / "summary_output.json").write_text("previous")
    limited = commands.run("exporter", "--max-rejects", "1%", OUTPUT_DIR=str(pipeline.data))
    assert limited.returncode == 3
    assert limited.stdout.splitlines()[0] == (
        "most often: 4 x date_of_birth is not a date (YYYY-MM-DD), such as people.csv line 17: "
        "date_of_birth '3 Feb 1901' is not a date (YYYY-MM-DD)"
    )
    outcome = "the good rows are loaded; the reports are as they were; standard output has the commonest reasons"
    assert f"--max-rejects 1% allows; {outcome}" in limited.stderr
    assert "3 Feb 1901" not in limited.stderr  # row contents do not belong into logs
    assert (pipeline.data / "summary_output.json").read_text() == "previous"


def test_all_that_makes_no_difference_is_accepted_silently(commands: Commands, pipeline: Pipeline) -> None:
    """Each variant as a file of its own, one of them compressed, one in the folder people/."""
    (pipeline.data / "places.csv").write_text(PLACES + "Ayr,Elsewhere,Wales\nCork,Cork,Ireland\n")
    (pipeline.data / "people").mkdir()
    (pipeline.data / "people" / "north.csv").write_text(HEADER + GOOD)
    (pipeline.data / "people-0.csv.gz").write_bytes(gzip.compress((HEADER + GOOD).encode()))
    for number, content in enumerate(ACCEPTED.values(), 1):
        (pipeline.data / f"people-{number}.csv").write_bytes(content)
    ended = commands.run("pipeline", "run", "--data", str(pipeline.data))
    assert ended.returncode == 0, ended.stderr
    names = ["people/north.csv", *(f"people-{number}.csv" for number in range(len(ACCEPTED) + 1))]
    jean = (1, "Jean", "Kerr", "1901-02-03", "Ayr")
    assert sorted(pipeline.people()) == sorted((name, *jean) for name in names)
    contradiction = "city 'Ayr' is listed with another county or country in an earlier row"
    assert pipeline.rejected() == [("places.csv", 4, 5, contradiction, "Ayr,Elsewhere,Wales")]
    assert "places.csv: 5 rows = 3 inserted + 0 updated + 1 unchanged + 1 rejected" in ended.stdout
    assert ended.stderr.count("columns that are ignored: 'id', 'note'") == 1


def test_check_finds_before_a_load_what_a_load_would_find(tmp_path: Path) -> None:
    """With the lines of the file, and without any server."""
    bad = write_dirty(tmp_path)
    ended = check("--all", "--data", tmp_path, tmp_path / "people.csv")
    assert ended.returncode == 3, ended.stderr
    people = tmp_path / "people.csv"
    assert ended.stdout.splitlines()[: bad + 1] == [
        *(f"{people} line {2 * index + 1}: {reason}" for index, (_, reason) in enumerate(DIRTY, 1)),
        f"{people}: {2 * bad} rows, {bad} with problems",
    ]
    good = check("--all", "--data", tmp_path, tmp_path / "places.csv")
    assert (good.returncode, good.stdout) == (0, f"{tmp_path / 'places.csv'}: 3 rows, no problems\n")


def test_check_names_what_is_wrong_with_a_file_as_a_whole(tmp_path: Path) -> None:
    people, places, pets, empty = (tmp_path / f"{name}.csv" for name in ("people", "places", "pets", "people-2"))
    people.write_text(HEADER + GOOD + '"Jean,Kerr\n' + GOOD)
    places.write_text(PLACES + "Ayr,Elsewhere,Wales\n")
    pets.write_text("name\n")
    empty.touch()
    ended = check("--data", tmp_path, people, places, pets, empty)
    assert ended.returncode == 3
    unmatched, *rest = ended.stdout.splitlines()
    assert unmatched.startswith(f"{pets}: 'pets.csv' matches no dataset")
    assert rest == [
        f"{places}: 4 rows, 1 with problems",
        "  1 x city is listed with another county or country in an earlier row: line 5 'Ayr'",
        f"{empty}: the file is empty; its first line must name the columns",
        f"{people} line 3: a quote opens here and does not close until the end of the file; correct the file",
    ]


def test_check_takes_folders_and_finds_two_files_of_one_name_that_differ(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "people").mkdir(parents=True)
    (data / "places.csv").write_text(PLACES)
    (data / "people" / "north.csv").write_text(HEADER + "Jean,,1901-02-03,Ayr\n")
    (data / "people-2.csv").write_text(PEOPLE)
    (data / "people-2.csv.gz").write_bytes(gzip.compress(HEADER.encode()))
    (data / "people-3.csv").write_text(PEOPLE)
    (data / "people-3.csv.gz").write_bytes(gzip.compress(PEOPLE.encode()))
    ended = check(data)
    assert ended.returncode == 3, ended.stderr
    assert sorted(ended.stdout.splitlines()) == [
        "  1 x family_name is empty: line 2",
        f"{data}/people-2.csv and {data}/people-2.csv.gz are both people-2.csv but differ;"
        " rename or remove one of them",
        f"{data}/people-2.csv: 4 rows, no problems",
        f"{data}/people-3.csv.gz: 4 rows, no problems",
        f"{data}/people-3.csv: 4 rows, no problems",
        f"{data}/people/north.csv: 1 row, 1 with problems",
        f"{data}/places.csv: 3 rows, no problems",
    ]
    none = check(tmp_path)
    assert (none.returncode, "holds none of places.csv" in none.stderr) == (2, True)


def test_the_help_of_check_promises_no_more_than_it_does() -> None:
    said = " ".join(check("--help").stdout.split())
    assert "Looks up references only in the folder's files." in said
    assert "kept for later runs" not in said
    assert "given in an earlier run" not in said


def test_the_help_of_describe_promises_no_more_than_it_does() -> None:
    ended = run_forked(["pipeline", "describe", "--help"], {"PATH": os.environ["PATH"]})
    assert "goes into the description" in " ".join(ended.stdout.split())
    assert "earlier run" not in ended.stdout


def test_standard_input_is_a_file_under_the_name_it_is_given(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES)
    producer = ["producer", "--name", "people-today.csv", "-"]
    ended = run_forked(producer, commands.services.environment, stdin=PEOPLE)
    assert ended.returncode == 0, ended.stderr
    assert "people-today.csv: 4 of 4 rows queued in 1 chunk" in ended.stdout
    pipeline.work()
    assert [row[0] for row in pipeline.people()] == ["people-today.csv"] * 4
