"""Reports: what they hold, that they come from one snapshot, and that an error leaves the previous ones."""

import csv
import io
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from exporter import write as module
from exporter.summary import summary_table
from pipeline.errors import PipelineError, TransientError
from pipeline.postgres.database import Database
from tests.conftest import PEOPLE, PLACES, Pipeline
from tests.integration.conftest import write_reports
from tests.support import expected_people, generate, wait_until


def test_the_shipped_reports_say_what_the_files_say(pipeline: Pipeline, output: Path) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    exported = write_reports(pipeline.database, output)
    assert exported is not None
    content = {path.name: path.read_text(encoding="utf-8") for path in exported.files}
    loads = content.pop("loads.csv").splitlines()
    assert content.pop("report.html").startswith("<!doctype html>\n")
    assert content.pop("rejected_rows.csv") == "source,row_number,line,reason,raw\n"
    assert content == {
        "summary_output.json": '{"Scotland":2,"Ireland":1,"Wales":1}',
        "people_by_county.csv": (
            "country,county,people\nIreland,Cork,1\nScotland,Ayrshire,2\nWales,Pembrokeshire,1\n"
        ),
        "births_by_decade_and_country.json": (
            '{"1900":{"Scotland":2},"1910":{"Ireland":1},"1920":{"Wales":1}}'
        ),
        "people_recorded_more_than_once.csv": (
            "given_name,family_name,date_of_birth,place_of_birth,times,recorded_in\n"
            "Jean,Kerr,1901-02-03,Ayr,2,people.csv row 1; people.csv row 4\n"
        ),
    }  # fmt: skip
    assert loads[0].startswith("load_id,source,dataset,state,rows,committed_rows,inserted,updated,unchanged,rejected,")
    assert [line.split(",")[1:11] for line in loads[1:]] == [
        ["places.csv", "places", "complete", "3", "3", "3", "0", "0", "0", "0"],
        ["people.csv", "people", "complete", "4", "4", "4", "0", "0", "0", "0"],
    ]


def test_the_summary_of_generated_people_is_the_one_counted_without_the_pipeline(
    pipeline: Pipeline, output: Path
) -> None:
    generate(pipeline.data, people=3_000)
    pipeline.load()
    write_reports(pipeline.database, output)
    expected = (pipeline.data / "sample_output.json").read_bytes()
    assert (output / "summary_output.json").read_bytes() == expected
    decades = json.loads((output / "births_by_decade_and_country.json").read_text())
    years = Counter(row[3][:3] + "0" for row in expected_people(pipeline.data))
    assert {decade: sum(countries.values()) for decade, countries in decades.items()} == years
    assert list(decades) == sorted(decades)


def test_ties_are_in_order_of_name_and_no_people_give_an_empty_object(pipeline: Pipeline, output: Path) -> None:
    pipeline.load(places=PLACES, people=PEOPLE.splitlines()[0] + "\n")
    write_reports(pipeline.database, output)
    assert (output / "summary_output.json").read_bytes() == b"{}"
    assert (output / "people_by_county.csv").read_bytes() == b"country,county,people\n"


def test_a_report_is_one_file(pipeline: Pipeline, output: Path, reports: Path) -> None:
    (reports / "oldest.csv.sql").write_text("SELECT given_name, date_of_birth FROM people ORDER BY 2, 1 LIMIT 1")
    (reports / "cities.json.sql").write_text("SELECT json_agg(city ORDER BY city) FROM places")
    pipeline.load(places=PLACES, people=PEOPLE)
    write_reports(pipeline.database, output)
    assert (output / "oldest.csv").read_bytes() == b"given_name,date_of_birth\nJean,1901-02-03\n"
    assert (output / "cities.json").read_bytes() == b'["Ayr", "Cork", "Tenby"]'


# What stands in a file, and what a report shows of it: no program that begins a cell there computes it.
CELLS = {
    "=1+1": "'=1+1",
    "+1": "'+1",
    "-1": "'-1",
    "@SUM(A1)": "'@SUM(A1)",
    "＝1": "'＝1",
    "＋1": "'＋1",
    "－1": "'－1",
    "＠A1": "'＠A1",
    "Jean;=1": "Jean;'=1",
    'Jean;"=1"': 'Jean;"\'=1"',
    "Jean\t@A1": "Jean\t'@A1",
    "Jean\n-1": "Jean\n'-1",
    "Jean\r+1": "Jean\r'+1",
    "Jean\r\n=1": "Jean\r\n'=1",
    "Jean, =1": "Jean, =1",
    'Jean-Anne; O\'Hara = "x"': 'Jean-Anne; O\'Hara = "x"',
    "Jean\rAnne": "Jean\rAnne",
    "'": "'",
}


def csv_of(rows: list[list[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    return out.getvalue()


def cells_of(report: Path) -> list[list[str]]:
    with report.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


def test_no_text_of_a_csv_report_is_a_formula_and_all_else_is_as_it_is(
    pipeline: Pipeline, output: Path, reports: Path
) -> None:
    numbers = "-1, -1.5::numeric, -2.5::float8, '-infinity'::float8, NULL, '', DATE '1901-02-03', '-1'::text"
    (reports / "values.csv.sql").write_text(f"SELECT {numbers}")
    (reports / "people.json.sql").write_text("SELECT json_agg(DISTINCT given_name) FROM people")
    header = ["given_name", "family_name", "date_of_birth", "place_of_birth"]
    rows = [[text, "Kerr", "1901-02-03", "Ayr"] for text in CELLS for _ in range(2)]
    places = csv_of([["city", "county", "country"], ["Ayr", "=1", "@A1"]])
    pipeline.load(places=places, people=csv_of([header, *rows]))
    write_reports(pipeline.database, output)
    more_than_once = {given_name: rest for given_name, *rest in cells_of(output / "people_recorded_more_than_once.csv")}
    assert more_than_once.keys() == set(CELLS.values())
    assert {tuple(rest[:-1]) for rest in more_than_once.values()} == {("Kerr", "1901-02-03", "Ayr", "2")}
    assert cells_of(output / "people_by_county.csv") == [["'@A1", "'=1", str(2 * len(CELLS))]]
    assert cells_of(output / "values.csv") == [["-1", "-1.5", "-2.5", "-Infinity", "", "", "1901-02-03", "'-1"]]
    assert set(json.loads((output / "people.json").read_text(encoding="utf-8"))) == set(CELLS)
    assert {given_name for _, _, given_name, *_ in pipeline.people()} == set(CELLS)
    assert json.loads((output / "summary_output.json").read_text()) == {"@A1": 2 * len(CELLS)}


def test_the_raw_text_of_rejected_rows_is_no_formula_either(pipeline: Pipeline, output: Path) -> None:
    raw = ["=1;+1;-1;@A1;x", "\t=1;;;;", "Jean;Kerr;1901-02-03;Ayr", '"\r=1";;;;x']
    text = "\n".join(["given_name;family_name;date_of_birth;place_of_birth;note", *raw])
    pipeline.load(places=PLACES)
    pipeline.write(**{"people-=1+1": text, "people-;=1": text})
    pipeline.produce()
    pipeline.work()
    write_reports(pipeline.database, output)
    shown = ["'=1;'+1;'-1;'@A1;x", "'\t'=1;;;;", "Jean;Kerr;1901-02-03;Ayr", '"\r\'=1";;;;x']
    rejected = cells_of(output / "rejected_rows.csv")
    assert [(row[0], row[-1]) for row in rejected] == [
        (name, cell) for name in ("people-;'=1.csv", "people-=1+1.csv") for cell in shown
    ]
    assert [row[-1] for row in pipeline.rejected()] == [*raw, *raw]
    assert {row[1] for row in cells_of(output / "loads.csv")} == {"places.csv", "people-;'=1.csv", "people-=1+1.csv"}


def test_people_whose_hashes_are_the_same_are_told_apart(pipeline: Pipeline, output: Path) -> None:
    """The report looks for the same hash first; a day later and a thousand places before, it is the same."""
    pipeline.load(places=PLACES + "".join(f"City {n},County,Country\n" for n in range(1000)))
    [(first, last)] = pipeline.rows(
        "SELECT a.city, b.city FROM places AS a JOIN places AS b ON b.id = a.id + 1000 ORDER BY a.id LIMIT 1"
    )
    header, *_ = PEOPLE.splitlines()
    twice = f"Jean,Kerr,1901-02-04,{first}"
    pipeline.load(people="\n".join([header, twice, f"Jean,Kerr,1901-02-03,{last}", twice]))
    write_reports(pipeline.database, output)
    report = cells_of(output / "people_recorded_more_than_once.csv")
    assert report == [["Jean", "Kerr", "1901-02-04", first, "2", "people.csv row 1; people.csv row 3"]]


def test_all_reports_of_a_run_read_one_snapshot(
    pipeline: Pipeline, output: Path, reports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (reports / "zz_last.json.sql").write_text("SELECT to_json(count(*)) FROM people")
    pipeline.load(places=PLACES, people=PEOPLE)
    insert_another = (
        "INSERT INTO people SELECT source_id, nextval('rows'), given_name, family_name, date_of_birth, place_id"
        " FROM people LIMIT 1"
    )
    with pipeline.database.transaction() as tx:
        tx.run("CREATE SEQUENCE rows START 1000")
    write = module._write

    def insert_before(*arguments: Any) -> object:
        with closing(Database(pipeline.services.database_url, "test")) as database, database.transaction() as tx:
            tx.run(insert_another)
        return write(*arguments)

    monkeypatch.setattr(module, "_write", insert_before)
    write_reports(Database(pipeline.services.database_url, "exporter"), output)
    assert len(pipeline.people()) == 4 + len(list(reports.iterdir()))
    assert (output / "zz_last.json").read_text() == "4"
    assert (output / "summary_output.json").read_text() == '{"Scotland":2,"Ireland":1,"Wales":1}'


def test_the_snapshot_lasts_as_long_as_the_slowest_report(pipeline: Pipeline, output: Path, reports: Path) -> None:
    (reports / "births.csv.sql").write_text("SELECT count(*) AS people, pg_sleep(1) FROM people")  # the first
    pipeline.load(places=PLACES, people=PEOPLE)
    database = Database(pipeline.services.database_url, "exporter")
    with database.transaction() as tx:
        tx.run("SET idle_in_transaction_session_timeout = '200ms'")
    exported = write_reports(database, output)
    assert exported is not None
    assert {path.name for path in exported.files} == {path.name for path in output.iterdir()} - {".reports.json"}


def test_a_snapshot_that_is_lost_is_a_reason_to_try_again(pipeline: Pipeline, output: Path, reports: Path) -> None:
    """Whoever shares it waits while the first reports are made, and may be cut off by then."""
    for number in range(module.CONNECTIONS):
        (reports / f"a{number}.csv.sql").write_text("SELECT pg_sleep(1)")
    pipeline.load(places=PLACES, people=PEOPLE)
    cut = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE query = 'SELECT pg_export_snapshot()' AND state = 'idle in transaction'"
    )
    with ThreadPoolExecutor(1) as thread:
        cutting = thread.submit(wait_until, lambda: pipeline.rows(cut) == [(True,)])
        with pytest.raises(TransientError, match="shared its snapshot has ended"):
            write_reports(Database(pipeline.services.database_url, "exporter"), output)
        cutting.result()


def test_an_incomplete_load_gives_no_report(pipeline: Pipeline, output: Path) -> None:
    pipeline.load(places=PLACES)
    pipeline.write(people=PEOPLE)
    pipeline.produce()
    assert write_reports(pipeline.database, output) is None
    assert list(output.iterdir()) == []


def test_a_folder_that_vanished_is_an_error(pipeline: Pipeline, output: Path) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    with pytest.raises(PipelineError, match="OUTPUT_DIR: cannot write into") as raised:
        write_reports(pipeline.database, output / "gone")
    assert raised.value.exit_code == 1


def test_the_table_shows_each_country_with_its_count(tmp_path: Path) -> None:
    summary = tmp_path / "summary_output.json"
    summary.write_text('{"Scotland":8048,"Northern Ireland":1952}')
    assert summary_table(summary) == "Scotland                 8,048\nNorthern Ireland         1,952\n"


def test_of_many_countries_the_first_are_shown(tmp_path: Path) -> None:
    summary = tmp_path / "summary_output.json"
    summary.write_text(json.dumps({f"Country {number}": 300 - number for number in range(200)}))
    lines = summary_table(summary).splitlines()
    assert len(lines) == 11
    assert lines[-2:] == ["Country 9           291", "and 190 more"]
