"""What the page shows of a report's file."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from exporter import figures as module
from exporter.figures import Bars, Cells, Figures, Group, Groups, Text, read_figures


def figures_of(folder: Path, name: str, content: str, row_count: int = 1) -> Figures:
    path = folder / name
    path.write_text(content, encoding="utf-8", newline="")
    return read_figures(path, row_count)


def test_a_json_object_of_numbers_is_bars_with_the_very_numbers(tmp_path: Path) -> None:
    shown = figures_of(tmp_path, "a.json", '{"Ayr":3,"Cork":1.10,"Tenby":0}')
    assert shown == Bars(("", ""), [(("Ayr",), 3), (("Cork",), Decimal("1.10")), (("Tenby",), 0)], 3)
    assert str(shown.rows[1][1]) == "1.10"
    assert shown.largest == 3


def test_negative_numbers_have_no_bars(tmp_path: Path) -> None:
    shown = figures_of(tmp_path, "a.json", '{"Ayr":3,"Cork":-1}')
    assert isinstance(shown, Bars)
    assert shown.largest == 0


def test_an_empty_object_is_bars_without_a_row(tmp_path: Path) -> None:
    assert figures_of(tmp_path, "a.json", "{}") == Bars(("", ""), [], 0)


def test_an_object_of_objects_of_numbers_is_groups_with_the_largest_first(tmp_path: Path) -> None:
    shown = figures_of(tmp_path, "a.json", '{"1900":{"Ayr":1,"Cork":2},"1910":{"Tenby":1,"Cork":0.5}}')
    assert isinstance(shown, Groups)
    assert shown.columns == shown.series == ["Cork", "Ayr", "Tenby"]
    assert shown.rows == [
        Group("1900", 3, {"Ayr": 1, "Cork": 2}),
        Group("1910", Decimal("1.5"), {"Tenby": 1, "Cork": Decimal("0.5")}),
    ]
    assert shown.largest == 3
    assert list(map(shown.parts, shown.rows)) == [[2, 1, 0], [Decimal("0.5"), 0, 1]]


def test_groups_after_the_sixth_share_the_last_part_of_a_bar(tmp_path: Path) -> None:
    numbers = {name: 20 - number for number, name in enumerate("abcdefghijklmno")}
    shown = figures_of(tmp_path, "a.json", json.dumps({"x": numbers}))
    assert isinstance(shown, Groups)
    assert list(shown.series) == [*"abcdef", "others"]
    assert shown.parts(shown.rows[0]) == [20, 19, 18, 17, 16, 15, sum(range(6, 15))]
    assert (shown.columns, shown.column_count) == (list("abcdefghijkl"), 15)


@pytest.mark.parametrize(
    "content",
    [
        '["Ayr"]',
        '"Ayr"',
        "null",
        '{"Ayr":true}',
        '{"Ayr":"1"}',
        '{"Ayr":{"a":1},"Cork":2}',
        '{"Ayr":{"a":-1}}',
        '{"Ayr":NaN}',
        '{"Ayr":' + "1" * 5_000 + "}",
        "[" * 100_000,
    ],
    ids=lambda content: content[:20],
)
def test_any_other_json_is_text_of_which_the_beginning_is_shown(tmp_path: Path, content: str) -> None:
    assert figures_of(tmp_path, "a.json", content) == Text(content[: module.BEGINNING])


def test_json_that_is_too_large_to_be_read_is_text_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST_JSON", 5)
    assert figures_of(tmp_path, "a.json", '{"Ayr":3}') == Text('{"Ayr":3}')


def test_csv_whose_last_column_holds_numbers_is_bars(tmp_path: Path) -> None:
    shown = figures_of(tmp_path, "a.csv", "country,county,people\nIreland,Cork,1\nWales,,2.5\n", 2)
    assert shown == Bars(
        ["country", "county", "people"], [(["Ireland", "Cork"], Decimal(1)), (["Wales", ""], Decimal("2.5"))], 2
    )


@pytest.mark.parametrize("last", ["", "x", "01067", "1e5", "1,000", "NaN", "'-1"])
def test_csv_whose_last_column_does_not_hold_numbers_is_rows(tmp_path: Path, last: str) -> None:
    shown = figures_of(tmp_path, "a.csv", f'name,last\nAyr,1\nCork,"{last}"\n', 2)
    assert shown == Cells(["name", "last"], [["Ayr", "1"], ["Cork", last]], 2, 2)


def test_csv_shows_its_first_rows_and_columns_and_counts_all(tmp_path: Path) -> None:
    header = ",".join(f"c{number}" for number in range(15))
    row = ",".join(["a\u2028b"] * 15)
    shown = figures_of(tmp_path, "a.csv", f"{header}\n" + f"{row}\n" * 2_000, 2_000)
    assert isinstance(shown, Cells)
    assert shown.header == [f"c{number}" for number in range(12)]
    assert shown.rows == [["a\u2028b"] * 12] * 50
    assert (shown.total, shown.column_count) == (2_000, 15)


def test_a_row_that_is_not_read_whole_is_not_shown(tmp_path: Path) -> None:
    wide = '"' + "x,\n" * module.HEAD + '"'
    assert figures_of(tmp_path, "a.csv", f"a,b\n1,x\n2,{wide}\n", 2) == Cells(["a", "b"], [["1", "x"]], 2, 2)
    assert figures_of(tmp_path, "b.csv", f"a,{wide}\n1,x\n", 1) == Cells([], [], 1, 0)


def test_numbers_of_csv_rows_are_told_from_text(tmp_path: Path) -> None:
    shown = figures_of(tmp_path, "a.csv", "times,name,none\n2,Ayr,\n,Cork,\n", 2)
    assert isinstance(shown, Cells)
    assert [shown.is_number(column) for column in range(3)] == [True, False, False]
