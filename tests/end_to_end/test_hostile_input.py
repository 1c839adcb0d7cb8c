"""File names, headers, fields and settings made to do harm, through the real commands."""

import csv
import io
import json
import os
import subprocess
from pathlib import Path

import pytest

from pipeline import PROJECT
from pipeline.cli.terminal import printable
from tests.conftest import PEOPLE, PLACES, Commands, Pipeline
from tests.forked import start_forked

NAMES = [
    "people-'; DROP TABLE people; --.csv",
    'people-"; $(touch pwned) `touch pwned` | touch pwned.csv',
    "people-\x1b]0;owned\x07.csv",
    "people-\nerror: forged.csv",
    "people-\r\x08\x7f\t.csv",
    "people-\x85\x9b2J.csv",
    "people-\u202evsc.csv",
    "people-%s %(name)s {0}.csv",
    "people-Ó Ceallaigh Ελένη 日本.csv",
    "people-" + "long" * 60 + ".csv",
]
HEADER = ["given_name", "family_name", "date_of_birth", "place_of_birth", "note\x1b]0;owned\x07\x9b", "nul\0"]
STORED = [
    "'); DROP TABLE people; --",
    "Robert\"); DELETE FROM people WHERE ('1'='1",
    "a\x1b]0;owned\x07b",
    "a\u202eb\u2028c\x9bd",
    "\\.",
    "\\N",
    "a\tb\\tc\nd\r\ne",
    "%(x)s %s {0} ${HOME} $(touch pwned)",
    "x" * 200,
]
REJECTED = {
    "x" * 201: "given_name is longer than 200 characters",
    "y" * 900_000: "given_name is longer than 200 characters",
    "a\0b": "given_name holds a NUL character",
}
CITY, COUNTY, COUNTRY = "Ayr'; DROP TABLE places; --", "Ayr\x1b[2J", "Scot\x9bland\r\n\u202e"
UNPRINTABLE_DATE = "\x1b[2J"
HOSTILE = "\x1b]0;owned\x07\r\nerror: forged\x9b2J\u202e\udcff"


def rows_as_text(rows: list[list[str]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


def write_hostile(folder: Path) -> None:
    """Places, and under each of the names a file with each of the fields."""
    places = rows_as_text([["city", "county", "country"], [CITY, COUNTY, COUNTRY]])
    rows = [[name, "Kerr", "1901-02-03", CITY, "", ""] for name in [*STORED, *REJECTED]]
    people = rows_as_text([HEADER, *rows, ["Jean", "Kerr", UNPRINTABLE_DATE, CITY, "", ""]])
    (folder / "places.csv").write_text(places, encoding="utf-8", newline="")
    for name in NAMES:
        (folder / name).write_text(people, encoding="utf-8", newline="")


def run(commands: Commands, cwd: Path, *command: str, **environment: str) -> "subprocess.CompletedProcess[bytes]":
    """Bytes, since reading text would make line ends alike."""
    process = start_forked(command, {**commands.services.environment, **environment}, cwd=cwd, text=False)
    out, err = process.communicate(timeout=120)
    for line in (out + err).decode("utf-8").split("\n"):
        assert line == printable(line)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_hostile_names_and_fields_are_stored_as_they_are_and_steer_nothing(
    commands: Commands, pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory, log_format: str
) -> None:
    write_hostile(pipeline.data)
    folder = tmp_path_factory.mktemp("empty")
    tables = pipeline.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    settings = {"DATA_DIR": str(pipeline.data), "OUTPUT_DIR": str(pipeline.data), "LOG_FORMAT": log_format}
    producer = run(commands, folder, "producer", "--debug", **settings)
    worker = run(commands, folder, "worker", "--debug", "--burst", **settings)
    exporter = run(commands, folder, "exporter", "--debug", **settings)
    assert [producer.returncode, worker.returncode, exporter.returncode] == [0, 0, 0]
    assert pipeline.people() == sorted(
        (name, number, given_name, "Kerr", "1901-02-03", CITY)
        for name in NAMES
        for number, given_name in enumerate(STORED, 1)
    )
    date = f"date_of_birth {UNPRINTABLE_DATE!r} is not a date (YYYY-MM-DD)"
    faults = [(len(STORED) + index, reason) for index, reason in enumerate([*REJECTED.values(), date], 1)]
    rejected = [(name, number, reason) for name, number, _, reason, _ in pipeline.rejected()]
    assert rejected == sorted((name, *fault) for name in NAMES for fault in faults)
    raw = {number - len(STORED): text for _, number, _, _, text in pipeline.rejected()}
    assert raw[2] == f"{'y' * 900_000},Kerr,1901-02-03,{CITY},,"
    assert raw[3] == f"a\\x00b,Kerr,1901-02-03,{CITY},,"
    assert pipeline.rows("SELECT city, counties.name, countries.name FROM places, counties, countries") == [
        (CITY, COUNTY, COUNTRY)
    ]
    assert pipeline.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1") == tables
    assert list(folder.iterdir()) == []

    lines = exporter.stdout.decode().splitlines()
    account = f"{len(STORED)} inserted + 0 updated + 0 unchanged + {len(faults)} rejected; 0 deleted"
    for name in NAMES:
        assert f"{printable(name)}: {len(STORED) + len(faults)} rows = {account}" in lines
    assert json.loads((pipeline.data / "summary_output.json").read_text()) == {COUNTRY: len(NAMES) * len(STORED)}
    assert f"{printable(COUNTRY)}  {len(NAMES) * len(STORED):>12,}" in lines
    log = (producer.stderr + worker.stderr + exporter.stderr).decode().splitlines()
    if log_format == "json":
        log = [json.loads(line)["message"] for line in log]
    for name in NAMES:
        ignored = r"columns that are ignored: 'note\x1b]0;owned\x07\x9b', 'nul\\x00'"
        assert any(line.endswith(f"{printable(name)}: {ignored}") for line in log)
        assert any(f"{printable(name)} chunk 1 committed" in line for line in log)

    forgotten = run(commands, folder, "producer", *(f"--forget={name}" for name in NAMES))
    said = f": forgotten, {len(STORED)} rows of people removed\n"
    assert forgotten.stdout.decode() == "".join(printable(name) + said for name in sorted(NAMES))
    assert pipeline.people() == []


def test_check_shows_hostile_files_in_lines_that_steer_nothing(commands: Commands, tmp_path: Path) -> None:
    write_hostile(tmp_path)
    refused = tmp_path / "people-\x1b[2J\n.csv"
    refused.write_text("\x1b[2J,\u202e\n")
    paths = [tmp_path / name for name in NAMES]
    ended = run(commands, PROJECT, "pipeline", "check", "--all", str(refused), *map(str, paths))
    assert ended.returncode == 3
    lines = ended.stdout.decode().split("\n")
    of_the_refused = [
        line for line in lines if line.startswith(f"{printable(str(refused))} line 1: column 'given_name'")
    ]
    assert len(of_the_refused) == 1
    for path in paths:
        of_rows = [line for line in lines if line.startswith(f"{printable(str(path))} line ")]
        assert all(any(reason in line for line in of_rows) for reason in REJECTED.values())


def test_a_name_that_is_not_utf8_is_refused_in_one_line(commands: Commands, pipeline: Pipeline) -> None:
    """Bytes that PostgreSQL could not store; under another name the file is loaded."""
    pipeline.load(places=PLACES)
    name = os.fsdecode(b"people-\xff\x1b.csv")
    path = pipeline.data / name
    path.write_text(PEOPLE)
    shown = r"people-\udcff\x1b.csv"
    for arguments in ([], [str(path)]):
        refused = run(commands, PROJECT, "producer", *arguments, DATA_DIR=str(pipeline.data))
        assert refused.returncode == 1
        assert refused.stderr.decode() == (
            f"error: {pipeline.data}/{shown}: the name '{shown}' is not UTF-8; rename the file, or use --name\n"
        )
    assert run(commands, PROJECT, "pipeline", "check", str(path)).returncode == 3
    named = run(commands, PROJECT, "producer", "--name", name, str(pipeline.data / "places.csv"))
    assert named.returncode == 1
    assert f"the name '{shown}' is not UTF-8" in named.stderr.decode()
    forgotten = run(commands, PROJECT, "producer", "--forget", name)
    assert forgotten.returncode == 2
    assert forgotten.stderr.decode().startswith(f"error: --forget: no source '{shown}' is known")
    assert run(commands, PROJECT, "producer", "--name", "people-\x1b.csv", str(path)).returncode == 0
    pipeline.work()
    assert {source for source, *_ in pipeline.people()} == {"people-\x1b.csv"}


@pytest.mark.parametrize(
    ("command", "variable", "before"),
    [
        ("producer", "DATA_DIR", "/nowhere"),
        ("producer", "ENCODING", ""),
        ("producer", "CHUNK_ROWS", ""),
        ("exporter", "OUTPUT_DIR", "/nowhere"),
        ("exporter", "MAX_REJECTS", ""),
        ("exporter", "LOG_FORMAT", ""),
    ],
)
@pytest.mark.parametrize("options", [[], ["--debug"]], ids=["", "debug"])
def test_a_wrong_setting_is_quoted_in_a_line_that_steers_nothing(
    commands: Commands, pipeline: Pipeline, command: str, variable: str, before: str, options: list[str]
) -> None:
    pipeline.write(places=PLACES)
    settings = {"DATA_DIR": str(pipeline.data), "OUTPUT_DIR": str(pipeline.data), variable: before + HOSTILE}
    ended = run(commands, PROJECT, command, *options, **settings)
    assert ended.returncode == 2, ended.stderr
    *above, last = ended.stderr.decode().removesuffix("\n").split("\n")
    assert last.startswith("error: ")
    assert variable in last
    assert bool(above) == bool(options)
