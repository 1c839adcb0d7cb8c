"""The page of the reports: valid HTML of bounded size, in which no text of a file is markup."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exporter.column_values import ColumnValues, DatasetValues
from exporter.page import Contents, Written, write_page
from exporter.report import Report
from pipeline.status.shown import LoadStatus, RejectedRule
from pipeline.status.throughput import Interval
from tests.html import SVG, parsed, table_of, text_of

NOW = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>\"' onclick=alert(1) &lt;\x1b\u202e"
LONG = "𝌆&\"<'" * 10_000
LOAD = LoadStatus(
    1, "people.csv", "people", "0123456789ab", "complete", 10, 10, 4, 3, 2, 1, 5, 0, 1, 1, NOW, NOW, 1.0, 10.0, 0
)
VALUES = ColumnValues("given_name", 9, 2, "Ann", "Jean", "Jean", 8)
PEOPLE = DatasetValues("people", 9, 9, [VALUES], 1, is_sample=False)
EMPTY = Contents(NOW, [LOAD], [], 0, [], [], 0)
CONTENTS = Contents(
    NOW,
    [LOAD, replace(LOAD, source="places.csv", rows=2, inserted=2, updated=0, unchanged=0, rejected=0, deleted=0)],
    [RejectedRule("people.csv", "date_of_birth is not a date", 1, 7, "date_of_birth 'x' is not a date")],
    1,
    [Interval(NOW, 0.1, 1_000), Interval(NOW, 0.1, 2_500.4)],
    [PEOPLE],
    1,
)
REPORTS = {
    "summary_output.json": '{"Scotland":1200,"Wales":300}',
    "by_decade.json": '{"1900":{"Scotland":2,"Wales":1},"1910":{"Wales":4}}',
    "by_county.csv": "country,county,people\nWales,Powys,1234\n",
    "rows.csv": "name,note\nAnn,x\n",
    "list.json": '["Ann"]',
    "loads.csv": "load_id\n1\n",
}


def html_of(
    folder: Path, contents: Contents = CONTENTS, reports: Mapping[str, str] = REPORTS, failed: tuple[str, ...] = ()
) -> str:
    """The page, for reports with one row each."""
    written = []
    for name, content in reports.items():
        (folder / name).write_text(content, encoding="utf-8", newline="")
        written.append(Written(Report(folder / f"{name}.sql", "SELECT 1", frozenset()), 1))
    path = write_page(folder, contents, written, failed)
    assert path == folder / "report.html"
    return path.read_text(encoding="utf-8")


def test_the_page_shows_the_figures_of_reports_ledger_and_tables(tmp_path: Path) -> None:
    document = parsed(html_of(tmp_path))
    assert [text_of(heading) for heading in document.iter("h2")] == [
        "Summary output",
        "By county",
        "By decade",
        "Rows",
        "List",
        "Files",
        "Rejected rows",
        "Throughput",
        "Values",
    ]
    assert table_of(document, "Summary output")[1:] == [["Scotland", "1,200"], ["Wales", "300"]]
    assert table_of(document, "By county")[1:] == [["Wales", "Powys", "1,234"]]
    assert table_of(document, "By decade, all figures") == [
        ["Name", "Wales", "Scotland"],
        ["1900", "1", "2"],
        ["1910", "4", ""],
    ]
    assert table_of(document, "What became of the rows of each file")[1:] == [
        ["people.csv", "0123456789ab", "2026-11-25 12:00:00 UTC", "10", "4", "3", "2", "1", "5"],
        ["places.csv", "0123456789ab", "2026-11-25 12:00:00 UTC", "2", "2", "0", "0", "0", "0"],
    ]
    assert "12 rows = 6 inserted + 3 updated + 2 unchanged + 1 rejected; 5 deleted" in text_of(document)
    assert table_of(document, "Throughput")[1:] == [["0.0", "1,000", "10,000"], ["0.1", "2,500", "25,004"]]
    assert table_of(document, "Values of people")[1:] == [["given_name", "9", "2", "Ann", "Jean", "Jean", "8"]]
    assert "date_of_birth 'x' is not a date" in text_of(document)


def test_bars_are_as_long_as_their_numbers_are_large(tmp_path: Path) -> None:
    document = parsed(html_of(tmp_path))
    widths = [
        [rect.get("width") for rect in bar.iter(f"{SVG}rect")]
        for bar in document.iter("td")
        if bar.get("class") == "bar"
    ]
    assert widths == [["100.00"], ["25.00"], ["100.00"], ["25.00", "50.00"], ["100.00", "0.00"]]


def test_the_page_needs_no_network_and_no_script(tmp_path: Path) -> None:
    html = html_of(tmp_path)
    document = parsed(html)
    assert not list(document.iter("script"))
    [policy] = [meta.get("content") for meta in document.iter("meta") if meta.get("http-equiv")]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert [link.get("href") for link in document.iter("link")] == ["data:,"]
    assert not re.search("https?:|@import|url\\(", html)
    targets = [link.get("href") or "" for link in document.iter("a")]
    assert {target for target in targets if not target.startswith("#")} == {*REPORTS, "rejected_rows.csv"}
    assert {target[1:] for target in targets if target.startswith("#")} <= {each.get("id") for each in document.iter()}


def test_the_page_can_be_read_by_keyboard_and_screen_reader(tmp_path: Path) -> None:
    document = parsed(html_of(tmp_path))
    assert document.get("lang") == "en"
    assert len(list(document.iter("h1"))) == len(list(document.iter("main"))) == 1
    assert [nav.get("aria-label") for nav in document.iter("nav")] == ["Contents"]
    for table in document.iter("table"):
        assert text_of(table[0])
        assert table[0].tag == "caption"
        assert all(
            cell.get("scope") == "col" and text_of(cell) for cell in table.iter("th") if cell.get("scope") != "row"
        )
    for scrolled in (each for each in document.iter("div") if each.get("class") == "scroll"):
        assert (scrolled.get("tabindex"), scrolled.get("role")) == ("0", "region")
        assert scrolled.get("aria-label")
    assert {svg.get("aria-hidden") for svg in document.iter(f"{SVG}svg")} <= {"true"}
    ids = [each.get("id") for each in document.iter() if each.get("id")]
    assert len(ids) == len(set(ids))


def hostile_contents(text: str, count: int) -> Contents:
    columns = [ColumnValues(text, 1, 1, text, text, text, 1)] * 40
    return Contents(
        NOW,
        [replace(LOAD, source=text, version=text[:12])] * count,
        [RejectedRule(text, text, 1, 1, text)] * 50,
        count,
        [Interval(NOW, 0.1, 1e9)] * 40,
        [DatasetValues(text, count, count, columns, 1_000, is_sample=True)] * 12,
        count,
    )


def hostile_reports(text: str, count: int) -> dict[str, str]:
    numbers = {f"{number}{text}": number for number in range(100)}
    bars, groups = json.dumps(numbers), json.dumps({f"{number}{text}": numbers for number in range(60)})
    cell = '"' + text.replace('"', '""') + '"'
    line = ",".join([cell] * 12)
    return {
        name: content
        for number in range(count)
        for name, content in {
            f"{number}.json": bars,
            f"groups-{number}.json": groups,
            f"{number}.csv": f"{line}\n" * 60,
            f"text-{number}.json": f"[{bars}]",
        }.items()
    }


def test_text_of_files_is_shown_as_text(tmp_path: Path) -> None:
    html = html_of(tmp_path, hostile_contents(HOSTILE, 3), hostile_reports(HOSTILE, 1), (HOSTILE,))
    document = parsed(html)
    assert not list(document.iter("script"))
    assert not [each for each in document.iter() if any(name.startswith("on") for name in each.attrib)]
    assert "<script>alert(1)</script>" in text_of(document)
    assert "\x1b" not in html
    assert "\u202e" not in html


@pytest.mark.parametrize("text", [HOSTILE, LONG, "\u202e" * 500], ids=["markup", "long", "escaped"])
def test_the_page_stays_small_with_long_and_hostile_texts(tmp_path: Path, text: str) -> None:
    failed = tuple(f"{number}{text}" for number in range(1_000))
    html = html_of(tmp_path, hostile_contents(text, 2_000), hostile_reports(text[:1_000], 6), failed)
    assert len(html.encode()) <= 300_000
    parsed(html)


def test_what_a_list_leaves_out_is_counted_with_the_file_that_has_it(tmp_path: Path) -> None:
    contents = replace(hostile_contents("x", 1_284), datasets=[replace(PEOPLE, column_count=3)])
    html = html_of(tmp_path, contents, {"a.json": json.dumps({str(number): number for number in range(1_284)})})
    text = text_of(parsed(html))
    assert "and 1,234 more rows in a.json" in text
    assert "and 1,234 more files in loads.csv" in text
    assert "and 1,234 more rules" in text
    assert "and 2 more columns" in text
    assert "and 1,283 more datasets" in text


def test_twenty_reports_are_shown_and_the_others_counted(tmp_path: Path) -> None:
    document = parsed(html_of(tmp_path, EMPTY, {f"{number}.json": "1" for number in range(23)}))
    assert [text_of(heading) for heading in document.iter("h2")][:21] == [*map(str, range(20)), "Files"]
    assert "and 3 more reports in the same folder" in text_of(document)


def test_a_sample_and_values_that_are_not_known_are_named_as_such(tmp_path: Path) -> None:
    sample = replace(PEOPLE, rows=1_000_000, rows_seen=32_264, is_sample=True)
    unknown = replace(PEOPLE, dataset="orders", columns=[], error="PostgreSQL error 57014")
    text = text_of(parsed(html_of(tmp_path, replace(EMPTY, datasets=[sample, unknown]))))
    assert "1,000,000 rows; what follows is from a sample of 32,264 rows" in text
    assert "9 rows. Their values could not be read in time: PostgreSQL error 57014" in text


def test_a_page_without_reports_rejected_rows_or_new_chunks(tmp_path: Path) -> None:
    document = parsed(html_of(tmp_path, EMPTY, {}, failed=("summary_output.json",)))
    assert [text_of(heading) for heading in document.iter("h2")] == ["Files", "Rejected rows", "Values"]
    assert "Not made in this run: summary_output.json." in text_of(document)
