"""report.html: it shows what the database holds, of any dataset, and no fault of it holds up the other reports."""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree.ElementTree import Element

import psycopg2
import pytest

from exporter import column_values, export
from exporter.report import PAGE, find_reports
from pipeline.errors import SettingsError
from pipeline.pages import render
from pipeline.tables.described import bring_up_to_date, wanted_tables
from tests.conftest import PEOPLE, PLACES, Pipeline
from tests.html import parsed, table_of, text_of
from tests.integration.conftest import write_reports
from tests.support import generate

UNKNOWN = "Ann,Parry,1923-04-05,<script>alert(1)</script>\nSiân,Parry,1923-13-05,<b>Ayr</b>\n"
ORDERS = """number;note;paid;at;amount;"odd %s "" name"
1;a;true;2026-11-01;-2.50;x
2;;false;2026-11-25;10;
3;a;true;;9.9;
10;<i>b</i>;;;;
"""
FIELDS = {"number": "integer", "note": "string", "paid": "boolean", "at": "date", "amount": "number"}


def page_of(pipeline: Pipeline, output: Path, own: Path | None = None) -> Element:
    exported = export.export(pipeline.database, find_reports(output, pipeline.data, own), output)
    assert exported is not None
    assert list(map(str, exported.failures)) == []
    assert exported.files[-1] == output / PAGE
    return parsed((output / PAGE).read_text(encoding="utf-8"))


def load_orders(pipeline: Pipeline, content: str = ORDERS) -> None:
    fields = [{"name": name, "type": kind} for name, kind in FIELDS.items()]
    schema = {"fields": [*fields, {"name": 'odd %s " name'}], "primaryKey": "number"}
    resource = {"name": "orders", "path": "orders.csv", "dialect": {"delimiter": ";"}, "schema": schema}
    (pipeline.data / "datapackage.json").write_text(json.dumps({"resources": [resource]}))
    bring_up_to_date(pipeline.database, wanted_tables(pipeline.data))
    pipeline.load(orders=content)


def test_the_figures_are_those_of_the_database(pipeline: Pipeline, output: Path) -> None:
    generate(pipeline.data, people=2_000)
    pipeline.load(150, **{"people-2": PEOPLE.splitlines(keepends=True)[0] + UNKNOWN})
    document = page_of(pipeline, output)
    summary = json.loads((output / "summary_output.json").read_text(encoding="utf-8"))
    assert table_of(document, "People per country")[1:] == [[name, f"{count:,}"] for name, count in summary.items()]
    decades = json.loads((output / "births_by_decade_and_country.json").read_text(encoding="utf-8"))
    header, *rows = table_of(document, "Births by decade, all figures")
    assert {row[0]: dict(zip(header[1:], row[1:], strict=True)) for row in rows} == {
        decade: dict.fromkeys(header[1:], "") | {name: str(count) for name, count in countries.items()}
        for decade, countries in decades.items()
    }
    files = {row[0]: row[3:] for row in table_of(document, "What became of the rows of each file")[1:]}
    assert files == {
        source: [f"{count:,}" for count in counts]
        for source, *counts in pipeline.rows(
            "SELECT source, row_count, inserted, updated, unchanged, rejected, deleted FROM load_progress"
        )
    }
    rejected = table_of(document, "Rejected rows")
    assert [row[:4] for row in rejected[1:]] == [
        ["people-2.csv", "place_of_birth is not in places", "2", "2"],
        ["people-2.csv", "date_of_birth is not a date (YYYY-MM-DD)", "1", "3"],
    ]
    assert rejected[1][4] == "place_of_birth '<script>alert(1)</script>' is not in places"
    rows_of_chunks = sum(int(row[1].replace(",", "")) for row in table_of(document, "Throughput")[1:])
    loaded = sum(count for (count,) in pipeline.rows("SELECT row_count FROM load_progress"))
    assert rows_of_chunks == pytest.approx(loaded, abs=20), "rounded for each interval"
    names = {row[0]: row[1:] for row in table_of(document, "Values of people")[1:]}
    assert "place_id" not in names
    [expected] = pipeline.rows(
        "SELECT count(*)::text, count(DISTINCT date_of_birth)::text, min(date_of_birth)::text, max(date_of_birth)::text"
        " FROM people"
    )
    assert [figure.replace(",", "") for figure in names["date_of_birth"][:4]] == list(expected)


def test_a_dataset_of_the_user_s_own_has_its_loads_and_values(pipeline: Pipeline, output: Path) -> None:
    load_orders(pipeline)
    document = page_of(pipeline, output)
    assert [text_of(heading) for heading in document.iter("h2")] == ["Files", "Rejected rows", "Throughput", "Values"]
    assert table_of(document, "Values of orders") == [
        ["Column", "Filled", "Different", "Least", "Greatest", "Commonest", "Times"],
        ["number", "4", "4", "1", "10", "", ""],
        ["note", "3", "2", "<i>b</i>", "a", "a", "2"],
        ["paid", "3", "2", "false", "true", "true", "2"],
        ["at", "2", "2", "2026-11-01", "2026-11-25", "", ""],
        ["amount", "3", "3", "-2.50", "10", "", ""],
        ["odd_s_name", "1", "1", "x", "x", "", ""],
    ]
    assert table_of(document, "What became of the rows of each file")[1][3:] == ["4", "4", "0", "0", "0", "0"]


def test_values_stand_below_the_number_of_rows_of_their_table(pipeline: Pipeline, output: Path) -> None:
    key = {"fields": "good", "reference": {"resource": "goods", "fields": "good"}}
    field = {"name": "good", "type": "integer"}
    goods = {"name": "goods", "path": "goods.csv", "schema": {"fields": [field], "primaryKey": "good"}}
    sales = {"name": "sales", "path": "sales.csv", "schema": {"fields": [field], "foreignKeys": [key]}}
    (pipeline.data / "datapackage.json").write_text(json.dumps({"resources": [goods, sales]}))
    bring_up_to_date(pipeline.database, wanted_tables(pipeline.data))
    pipeline.load(goods="good\n1\n2\n3\n", sales="good\n3\n")
    pipeline.load(goods="good\n1\n2\n")
    document = page_of(pipeline, output)
    assert pipeline.rows("SELECT good FROM goods ORDER BY good") == [(1,), (2,), (3,)], "sales refer to the last one"
    assert table_of(document, "Values of goods")[1][:2] == ["good", "3"]
    assert "goods 3 rows Values of goods" in text_of(document)


def test_values_of_a_large_table_are_from_a_sample(
    pipeline: Pipeline, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(column_values, "PAGES", 4)
    load_orders(pipeline, "".join([ORDERS.splitlines(keepends=True)[0], *(f"{n};a;;;;\n" for n in range(5_000))]))
    document = page_of(pipeline, output)
    [note] = [text_of(each) for each in document.iter("p") if "sample" in text_of(each)]
    seen = int(note.removeprefix("5,000 rows; what follows is from a sample of ").split()[0].replace(",", ""))
    assert 0 < seen < 4_000
    assert table_of(document, "Values of orders")[2] == ["note", f"{seen:,}", "1", "a", "a", "a", f"{seen:,}"]
    first = (output / PAGE).read_bytes()
    (output / "loads.csv").unlink()
    page_of(pipeline, output)
    same = b"what follows is from a sample of " + f"{seen:,}".encode()
    assert same in first
    assert same in (output / PAGE).read_bytes(), "the same sample each time"


def test_values_of_a_table_that_takes_too_long_are_left_out(
    pipeline: Pipeline, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(column_values, "TIMEOUT", 100)
    load_orders(pipeline)
    blocker = psycopg2.connect(pipeline.services.database_url)
    blocker.cursor().execute("LOCK TABLE orders")
    document = page_of(pipeline, output)
    blocker.close()
    reason = "PostgreSQL error 57014 (QueryCanceled): canceling statement due to statement timeout"
    assert f"4 rows. Their values could not be read in time: {reason}" in text_of(document)
    assert (output / "loads.csv").exists()


def test_a_report_of_the_user_s_own_is_on_the_page_too(pipeline: Pipeline, output: Path, tmp_path: Path) -> None:
    load_orders(pipeline)
    own = tmp_path / "own"
    own.mkdir()
    title = "-- title: <script>alert(1)</script>"
    (own / "notes.json.sql").write_text(f"-- Notes.\n{title}\nSELECT json_build_object('<b>', 2, 'a', 1.50)")
    (own / "all_orders.csv.sql").write_text("SELECT number, note FROM orders ORDER BY number")
    document = page_of(pipeline, output, own)
    assert [text_of(heading) for heading in document.iter("h2")][:2] == ["<script>alert(1)</script>", "All orders"]
    assert table_of(document, "<script>alert(1)</script>")[1:] == [["<b>", "2"], ["a", "1.50"]]
    assert table_of(document, "All orders")[1:] == [["1", "a"], ["2", ""], ["3", "a"], ["10", "<i>b</i>"]]


def many_of_everything(pipeline: Pipeline) -> None:
    """Thousands of sources, rules and countries, with the longest names that they can have."""
    markup = "repeat('<\"&é𝌆>', 100)"
    with pipeline.database.transaction() as tx:
        for statement in (
            f"INSERT INTO sources (name, dataset) SELECT n || {markup}, 'people' FROM generate_series(1, 1000) AS n",
            "INSERT INTO loads (source_id, sha256, columns, delimiter, row_count, chunk_count)"
            " SELECT id, encode(sha256(id::text::bytea), 'hex'), ARRAY['name'], ',', 2, 1 FROM sources",
            "INSERT INTO load_chunks (load_id, number, first_row, row_count, first_line, byte_offset, byte_count,"
            " sha256, committed_at, inserted, updated, unchanged, rejected, deleted, worker, seconds)"
            " SELECT id, 1, 1, 2, 2, 0, 1, sha256, now() + id * interval '1 s', 1, 0, 0, 1, 0, 'w', 2 FROM loads",
            "INSERT INTO rejected_rows (source_id, row_number, line, reason, kinds, raw)"
            f" SELECT id, 1, 2, repeat({markup}, 10), ARRAY[id || {markup}], 'x' FROM sources",
            f"INSERT INTO countries (name) SELECT left(n || {markup}, 200) FROM generate_series(1, 1000) AS n",
            "INSERT INTO counties (country_id, name) SELECT id, name FROM countries",
            "INSERT INTO places (city, county_id, listed_by_load) SELECT name, id, 1 FROM counties",
            "INSERT INTO people (source_id, row_number, given_name, family_name, date_of_birth, place_id)"
            " SELECT 1, id, city, city, DATE '1801-01-01' + id * 20, id FROM places",
        ):
            tx.run_verbatim(statement)


def test_the_page_stays_small_with_thousands_of_files_rules_and_countries(pipeline: Pipeline, output: Path) -> None:
    many_of_everything(pipeline)
    document = page_of(pipeline, output)
    assert (output / PAGE).stat().st_size <= 300_000
    left_out = [text_of(each) for each in document.iter("p") if text_of(each).startswith("and ")]
    files = {line.rpartition(" in ")[2] for line in left_out}
    assert {"summary_output.json", "people_by_county.csv", "births_by_decade_and_country.json", "loads.csv"} <= files
    [rules] = [line for line in left_out if line.endswith("more rules")]
    shown = len(table_of(document, "Rejected rows")) - 1
    assert rules == f"and {1_000 - shown:,} more rules"
    assert len(table_of(document, "Throughput")) == 41


def test_a_fault_of_the_page_leaves_the_other_reports_written(
    pipeline: Pipeline, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And names where, not the text of the error, which may hold a row."""

    def fail(*_: object, **__: object) -> str:
        raise KeyError("Jean")

    pipeline.load(places=PLACES, people=PEOPLE)
    with monkeypatch.context() as broken:
        broken.setattr(render, "render", fail)
        for _ in range(2):
            exported = write_reports(pipeline.database, output)
            assert exported is not None
            assert exported.up_to_date_since is None
            [failure] = map(str, exported.failures)
            assert failure.startswith(f"report.html: unexpected KeyError in {__file__} line ")
            assert "Jean" not in failure
            assert (output / "summary_output.json").read_text() == '{"Scotland":2,"Ireland":1,"Wales":1}'
            assert not (output / PAGE).exists()
    page_of(pipeline, output)


def test_reports_that_failed_are_named_on_the_page(pipeline: Pipeline, output: Path, no_reports: Path) -> None:
    (no_reports / "a.json.sql").write_text("SELECT nothing")
    (no_reports / "b.json.sql").write_text("SELECT 1")
    exported = write_reports(pipeline.database, output)
    assert exported is not None
    assert len(exported.failures) == 1
    assert "Not made in this run: a.json." in text_of(parsed((output / PAGE).read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", ["report.html", "*.html"])
def test_a_dataset_that_would_read_the_page_is_refused(pipeline: Pipeline, output: Path, path: str) -> None:
    resource = {"name": "orders", "path": path, "schema": {"fields": [{"name": "number"}]}}
    (pipeline.data / "datapackage.json").write_text(json.dumps({"resources": [resource]}))
    with pytest.raises(SettingsError, match=r"report\.html: .* 'report\.html' would be read as a file of orders"):
        find_reports(output, pipeline.data)


def test_a_source_of_the_page_s_name_is_refused(pipeline: Pipeline, output: Path) -> None:
    pipeline.load(places=PLACES)
    with pipeline.database.transaction() as tx:
        tx.run("UPDATE sources SET name = 'Report.html'")
    with pytest.raises(SettingsError, match=r"report\.html: .* 'Report\.html' is a source that was loaded"):
        write_reports(pipeline.database, output)
    assert list(output.iterdir()) == []


def test_a_page_that_the_exporter_did_not_write_is_kept(pipeline: Pipeline, output: Path) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    (output / PAGE).write_text("the user's")
    page_of(pipeline, output)
    assert (output / f"{PAGE}.1.bak").read_text() == "the user's"


@pytest.mark.parametrize("module", ["exporter.__main__", "pipeline.cli.run"])
def test_what_writes_no_page_does_not_wait_for_jinja(module: str) -> None:
    script = f"import sys, {module}; sys.exit('jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
