"""A first description: what it decides of columns and names, and why; it never takes one of two readings."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from inspection import column_profile
from inspection.describe import file_kinds
from inspection.first_package import write_package
from inspection.former_package import written_by_hand
from pipeline.descriptions.package import read_package
from pipeline.errors import InputError, SettingsError
from tests.unit.inspecting import column_of, described, fields, package, problems, write

STRING = {"type": "string"}
READ_IN_ONE_WAY = [
    (["1", "-2", "30"], {"type": "integer"}),
    (["0", "1"], {"type": "integer"}),
    (["2020", "1999"], {"type": "integer"}),
    (["1.5", "2"], {"type": "number"}),
    (["0.125", "1.250"], {"type": "number"}),
    (["1e-7", "2.5"], {"type": "number"}),
    (["1.5", "NaN"], {"type": "number"}),
    (['"1,5"', "2"], {"type": "number", "decimalChar": ","}),
    (['"1,234,567"', "12"], {"type": "integer", "groupChar": ","}),
    (['"1,234.5"', "12"], {"type": "number", "groupChar": ","}),
    (['"1.234,5"', "12"], {"type": "number", "decimalChar": ",", "groupChar": "."}),
    (["2026-01-31"], {"type": "date"}),
    (["2026/01/31"], {"type": "date", "format": "%Y/%m/%d"}),
    (["01/02/2026", "25/12/2026"], {"type": "date", "format": "%d/%m/%Y"}),
    (["01/02/2026", "12/25/2026"], {"type": "date", "format": "%m/%d/%Y"}),
    (["1.2.2026", "31.1.2026"], {"type": "date", "format": "%d.%m.%Y"}),
    (["25 Dec 2026"], {"type": "date", "format": "%d %b %Y"}),
    (["2026-01-31T10:00:00Z"], {"type": "datetime"}),
    (["2026-01-31T10:00:00"], {"type": "datetime", "format": "%Y-%m-%dT%H:%M:%S"}),
    (["2026-01-31 10:00"], {"type": "datetime", "format": "%Y-%m-%d %H:%M"}),
    (["13/01/2026 10:00"], {"type": "datetime", "format": "%d/%m/%Y %H:%M"}),
    (["10:00:00"], {"type": "time"}),
    (["true", "FALSE"], {"type": "boolean"}),
    (["yes", "No"], {"type": "boolean", "trueValues": ["yes", "Yes", "YES"], "falseValues": ["no", "No", "NO"]}),
    (["c56a4180-65aa-42ec-a945-5fd21dec0538"], {"type": "string", "format": "uuid"}),
    ([" 7 ", "8"], {"type": "integer"}),
    (["7", "NA", "", "-"], {"type": "integer", "missingValues": ["", "-", "NA"]}),
]
READ_AS_TEXT = [
    ([], "no rows"),
    (["", ""], "no value in any row"),
    (["NA", "NA"], "no value in any row; 2 'NA', kept, since it may be a text"),
    (["7", "007"], "'007' on line 3 has a leading zero, which a number would lose; none missing"),
    (["+49", "50"], "'+49' on line 2 begins with a plus, which a number would lose; none missing"),
    (["12", "1e5"], "'1e5' on line 3 may be a number or a code; none missing"),
    (
        ["1.234"],
        "'1.234' can be read in two ways: as numbers with a decimal point, or numbers with points between thousands",
    ),
    (['"1,234"'], "'1,234' can be read in two ways: as numbers with a decimal comma, or whole numbers with commas"),
    (["01/02/2026"], "'01/02/2026' can be read in two ways, as %d/%m/%Y and as %m/%d/%Y, and no value decides"),
    (["25/12/2026", "12/25/2026"], "dates as %d/%m/%Y at first, but not '12/25/2026' on line 3"),
    (["25/12/26"], "all values could be dates as %d/%m/%y, but the century of a year of two digits is open"),
    (["10:30"], "all values could be times as %H:%M, but minutes and seconds look the same"),
    (["Y", "N"], "all values could be 'y' or 'n', but single letters may be codes"),
    (["no"], "all values are 'no', which alone may be something else than a boolean"),
    (["nan", "Nan"], "text"),
    (
        ["2026-01-31T10:00:00", "2026-01-31T10:00:00Z"],
        "datetimes as %Y-%m-%dT%H:%M:%S at first, but not '2026-01-31T10:00:00Z'",
    ),
    (["2026-01-31", "unknown"], "dates as YYYY-MM-DD at first, but not 'unknown' on line 3"),
    (["Jean", "NA", ""], "text; 1 empty; 1 'NA', kept, since it may be a text"),
    (['"1\n2"', "3"], "text"),
    (["3", '"1\n2"'], "whole numbers at first, but not '1\\n2' on line 3"),
]


@pytest.mark.parametrize(("values", "written"), READ_IN_ONE_WAY)
def test_values_that_can_be_read_in_one_way_have_its_type(
    values: list[str], written: dict[str, Any], tmp_path: Path
) -> None:
    assert column_of(tmp_path, values)[0] == written
    assert problems(tmp_path) == []


@pytest.mark.parametrize(("values", "reason"), READ_AS_TEXT)
def test_other_values_are_strings_and_the_reason_is_said(values: list[str], reason: str, tmp_path: Path) -> None:
    written, said = column_of(tmp_path, values)
    assert written == STRING
    assert said.startswith(reason)
    assert problems(tmp_path) == []


def test_the_value_that_decides_between_two_orders_of_a_date_is_named(tmp_path: Path) -> None:
    _, reason = column_of(tmp_path, ["01/02/2026", "25/12/2026", ""])
    assert reason == "2 of 2 values are dates as %d/%m/%Y, as '25/12/2026' on line 3 shows; 1 empty"
    _, reason = column_of(tmp_path, ["25/12/2026"])
    assert reason.startswith("1 of 1 value is a date as %d/%m/%Y, as '25/12/2026' on line 2 shows")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("5", "a whole number"),
        ("1.5", "a number with a decimal point"),
        ("1e-7", "a number"),
        ("99999999999999999999", "a number; '99999999999999999999' on line 2 is outside the range of bigint"),
        ('"1,234,567"', "a whole number with commas between thousands"),
        ("2026-01-31", "a date as YYYY-MM-DD"),
        ("2026-01-31T10:00:00Z", "a datetime with a time zone"),
        ("10:00:00", "a time as hh:mm:ss"),
        ("8bfcfcf6-0000-4000-8000-000000000000", "a UUID"),
    ],
)
def test_one_value_is_named_in_the_singular(value: str, shown: str, tmp_path: Path) -> None:
    _, reason = column_of(tmp_path, [value])
    assert reason.startswith(f"1 of 1 value is {shown}; ")


@pytest.mark.parametrize("values", [["99999999999999999999", "5"], ["5", "99999999999999999999"]])
def test_a_number_that_no_integer_column_holds_is_shown(values: list[str], tmp_path: Path) -> None:
    written, reason = column_of(tmp_path, values)
    assert written == {"type": "number"}
    line = 2 + values.index("99999999999999999999")
    shown = f"'99999999999999999999' on line {line} is outside the range of bigint"
    assert reason.startswith(f"2 of 2 values are numbers; {shown}; ")


def test_a_late_value_changes_the_type_wherever_it_stands(tmp_path: Path) -> None:
    """After many blocks of rows, and more different values than are remembered."""
    values = [str(number) for number in range(1, column_profile.MOST_SEEN + 2_000)]
    assert column_of(tmp_path, values)[0] == {"type": "integer"}
    assert column_of(tmp_path, [*values, "1.5"])[0] == {"type": "number"}
    written, reason = column_of(tmp_path, [*values, "x", *values])
    assert written == STRING
    assert f"'x' on line {len(values) + 2:,}" in reason


def test_a_column_without_equal_values_may_be_a_key_and_is_not_made_one(tmp_path: Path) -> None:
    [resource] = described(tmp_path, things="id,kind,note\n1,a,x\n2,a,\n")
    assert ["a primaryKey?" in decision.reason for decision in resource.decisions] == [True, False, False]
    assert "primaryKey" not in package(tmp_path)["resources"][0]["schema"]
    [resource] = described(tmp_path, things="id\n" + "1\n2\n" * 400)
    assert "primaryKey" not in resource.decisions[0].reason


def test_texts_that_may_be_equal_values_are_no_hint_at_a_key(tmp_path: Path) -> None:
    [resource] = described(tmp_path, things="amount,paid\n1.0,true\n1.00,True\n")
    assert [decision.reason for decision in resource.decisions] == [
        "2 of 2 values are numbers with a decimal point; none missing",
        "2 of 2 values are 'true' or 'false'; none missing",
    ]


def test_no_rule_is_written_that_a_later_file_may_break(tmp_path: Path) -> None:
    described(tmp_path, things="id,kind\n1,a\n2,a\n")
    assert all("constraints" not in field for field in fields(tmp_path))


def test_columns_and_tables_have_names_that_postgresql_takes(tmp_path: Path) -> None:
    described(tmp_path, **{"2020": "2020,%,amount $,amount %,ctid,worldCities\n1,2,3,4,5,6\n"})
    [resource] = package(tmp_path)["resources"]
    assert (resource["name"], resource["pipeline:table"]) == ("2020", "table_2020")
    columns = [field.column for field in read_package(tmp_path / "datapackage.json").datasets[0].fields]
    assert columns == ["column_2020", "column_2", "amount", "amount_2", "column_ctid", "world_cities"]
    assert ["pipeline:column" in field for field in resource["schema"]["fields"]] == [
        True,
        True,
        False,
        True,
        True,
        False,
    ]
    assert problems(tmp_path) == []


def test_tables_have_names_that_no_table_of_the_project_has(tmp_path: Path) -> None:
    described(tmp_path, places="id,town\n1,Bonn\n", countries="id\n1\n", people="id,nick\n1,x\n")
    tables = [dataset.table for dataset in read_package(tmp_path / "datapackage.json").datasets]
    assert tables == ["table_places", "table_countries", "people"]


def test_a_column_that_no_field_can_name_is_left_out_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    [resource] = described(tmp_path, things="id,,Name,name\n1,x,a,b\n")
    assert caplog.messages == []
    assert [field["name"] for field in fields(tmp_path)] == ["id"]
    lines = list(resource.lines())
    assert "  column 2: left out, since it has no name; correct the header to load it" in lines
    assert (
        "  column 4 'name': left out, since its name stands in the header twice; correct the header to load it" in lines
    )
    assert problems(tmp_path) == []


def test_rows_with_too_few_fields_are_no_missing_values(tmp_path: Path) -> None:
    [resource] = described(tmp_path, things="id,day\n1,2026-01-02\n2\n3,2026-01-03\n,\n")
    assert resource.decisions[1].reason == "2 of 2 values are dates as YYYY-MM-DD; 1 empty"
    assert "  1 row would be rejected:" in list(resource.lines())


def test_a_description_that_came_in_the_meantime_is_not_replaced(tmp_path: Path) -> None:
    found = described(tmp_path, things="id\n1\n")
    path = tmp_path / "datapackage.json"
    path.write_text("mine")
    with pytest.raises(SettingsError, match="the file exists; replace it"):
        write_package(found, path, may_replace=False)
    assert path.read_text() == "mine"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["datapackage.json", "things.csv"]


def test_rows_of_a_wrong_form_are_said_and_decide_nothing(tmp_path: Path) -> None:
    [resource] = described(tmp_path, things='id,day\n1,2026-01-02\n2\n,\n3,x"y\n4,"2026-01-03"z\n')
    assert resource.decisions[0].reason == "2 of 2 values are whole numbers; 1 empty"
    assert "  2 rows would be rejected:" in list(resource.lines())
    assert problems(tmp_path) == [
        "1 x row has 1 field, expected 2: line 3",
        "1 x row has text after a closing quote: line 6",
    ]


def test_a_header_that_most_rows_do_not_fit_has_a_remedy(tmp_path: Path) -> None:
    remedy = "    most rows do not fit the header: remove the lines above it, or let it name all columns"
    [resource] = described(tmp_path, things="Sales of 2026\n\nid,day\n1,2026-01-02\n2,2026-01-03\n")
    assert list(resource.lines())[1:4] == [
        "  3 rows would be rejected:",
        "    3 x row has 2 fields, expected 1: line 3, line 4, line 5",
        remedy,
    ]
    [resource] = described(tmp_path, things="id,day\n1,2026-01-02\n2\n")
    assert remedy not in list(resource.lines())
    [resource] = described(tmp_path, things="id,day\n1,2026\0-01-02\n")
    assert list(resource.lines())[1:3] == ["  1 row would be rejected:", "    1 x day holds a NUL character: line 2"]
    assert remedy not in list(resource.lines())


def test_a_title_above_the_header_has_a_remedy(tmp_path: Path) -> None:
    remedy = "  most columns have no name of their own: remove the lines above the header, if there are any"
    [resource] = described(tmp_path, things="Sales of 2026;;\n;;\nid;day;price\n1;2026-01-02;3\n")
    assert list(resource.lines())[1:4] == [
        "  column 2: left out, since it has no name; correct the header to load it",
        "  column 3: left out, since it has no name; correct the header to load it",
        remedy,
    ]
    [resource] = described(tmp_path, things="id;day;\n1;2026-01-02;\n")
    assert remedy not in list(resource.lines())


@pytest.mark.parametrize("sign", [":", "~", "^"])
def test_a_delimiter_that_no_header_may_show_has_a_remedy(sign: str, tmp_path: Path) -> None:
    remedy = f"  one column: if {sign!r} separates columns, put a line sep={sign} above the header"
    [resource] = described(tmp_path, things=f"id{sign}day\n1{sign}2\n")
    assert list(resource.lines())[1] == remedy
    [resource] = described(tmp_path, things=f"sep={sign}\nid{sign}day\n1{sign}2\n")
    assert len(resource.columns) == 2
    [resource] = described(tmp_path, things=f"ratio a{sign}b\n0.5\n")
    assert remedy not in list(resource.lines())


def test_files_of_one_kind_share_a_resource(tmp_path: Path) -> None:
    """Those with the same header and the same name but for a number; the types hold the values of all of them."""
    [people, pets] = described(
        tmp_path, **{"people": "id,n\n1,2\n", "people-2": "id,n\n2,2.5\n", "people-3": "id,m\n1,2\n"}
    )
    first, second = package(tmp_path)["resources"]
    assert (first["name"], first["path"]) == ("people", ["people.csv", "people-2.csv"])
    assert first["schema"]["fields"][1]["type"] == "number"
    assert (second["name"], second["path"]) == ("people-3", "people-3.csv")
    assert (people.table, pets.table) == ("people", "people_3")
    assert problems(tmp_path) == []


def test_the_place_of_a_value_names_the_file_where_there_are_several(tmp_path: Path) -> None:
    [resource] = described(tmp_path, **{"people": "id\n1\n", "people-2": "id\nx\n"})
    assert "'x' on line 2 of people-2.csv" in resource.decisions[0].reason


def test_encoding_and_delimiter_are_written_as_found(tmp_path: Path) -> None:
    described(tmp_path, things="a;b\n1;2\n")
    assert package(tmp_path)["resources"][0]["dialect"] == {"delimiter": ";"}
    described(tmp_path, things="a,b\ncafé,2\n".encode("utf-16"))
    assert package(tmp_path)["resources"][0]["encoding"] == "utf-16"
    assert problems(tmp_path) == []


def test_an_encoding_is_not_guessed(tmp_path: Path) -> None:
    content = "name\nJean\nJosé\n".encode("latin-1")
    with pytest.raises(InputError, match=r"things\.csv line 3: bytes that are not UTF-8; name the encoding"):
        described(tmp_path, things=content)
    with pytest.raises(InputError, match=r"things\.csv line 1: bytes that are not UTF-8"):
        described(tmp_path, things="Straße\nJean\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"things\.csv line 2: bytes that are not UTF-8"):
        described(tmp_path, things="sep=;\nStraße;Ort\nJean;Ayr\n".encode("latin-1"))
    described(tmp_path, encoding="latin-1", things=content)
    assert package(tmp_path)["resources"][0]["encoding"] == "iso8859-1"
    assert problems(tmp_path) == []


def test_a_header_with_nul_characters_may_be_utf_16_without_a_mark(tmp_path: Path) -> None:
    content = "name,day\nJean,2\n".encode("utf-16-le")
    with pytest.raises(InputError, match=r"things\.csv line 1: NUL characters in the header; .* --encoding utf-16-le"):
        described(tmp_path, things=content)
    described(tmp_path, encoding="utf-16-le", things=content)
    assert [field["name"] for field in fields(tmp_path)] == ["name", "day"]
    assert problems(tmp_path) == []


def test_a_header_without_a_name_and_one_with_too_many_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"things\.csv line 1: no column has a name of its own; correct the header"):
        described(tmp_path, things=",a,A\n1,2,3\n")
    with pytest.raises(InputError, match=r"line 1: 1,501 columns, and a table has at most 1,500; split the file"):
        described(tmp_path, things=",".join(f"c{number}" for number in range(1_501)) + "\n")


def test_a_delimiter_is_not_guessed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"',' and ';' make 2 columns each of the header; put a line sep=,"):
        described(tmp_path, things="a;b,c\n1;2,3\n")
    described(tmp_path, things="sep=;\na;b,c\n1;2,3\n")
    assert [field["name"] for field in fields(tmp_path)] == ["a", "b,c"]
    described(tmp_path, things='a;b;c,"d\n1;2;3\n')  # which has no end with the other delimiter
    assert [field["name"] for field in fields(tmp_path)] == ["a", "b", 'c,"d']
    assert problems(tmp_path) == []


def test_files_that_no_description_of_the_folder_can_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    with pytest.raises(SettingsError, match="not in the data folder"):
        described(tmp_path / "inner", **{"../things": "a\n1\n"})
    with pytest.raises(InputError, match=r"has a \*, which stands for any characters; rename the file"):
        described(tmp_path, **{"a*": "a\n1\n"})
    with pytest.raises(InputError, match="is hidden"):
        described(tmp_path, **{".a": "a\n1\n"})


def test_what_is_no_file_is_named_by_what_it_is(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(InputError, match=r"none\.csv: no such file; name a CSV file that exists"):
        file_kinds(tmp_path, [tmp_path / "none.csv"])
    with pytest.raises(InputError, match=r": a folder; name the CSV files in it"):
        file_kinds(tmp_path, [tmp_path])
    with pytest.raises(InputError, match=r"pipe\.csv: not a regular file; copy its content into one"):
        file_kinds(tmp_path, [tmp_path / "pipe.csv"])
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(InputError, match=r"loop: cannot be read: Too many levels of symbolic links; correct"):
        file_kinds(tmp_path, [tmp_path / "loop"])


def test_a_description_that_is_replaced_is_kept_and_what_it_said_by_hand_is_named(tmp_path: Path) -> None:
    found = described(tmp_path, things="id,kind\n1,a\n")
    path = tmp_path / "datapackage.json"
    assert write_package(found, path, may_replace=True) is None  # it holds the same
    by_hand = package(tmp_path)
    by_hand["resources"][0]["title"] = "Things"
    by_hand["resources"][0]["schema"]["primaryKey"] = "id"
    by_hand["resources"][0]["schema"]["fields"][1]["constraints"] = {"required": True}
    path.write_text(json.dumps(by_hand))
    kept = write_package(found, path, may_replace=True)
    assert kept == tmp_path / "datapackage.json.1.bak"
    assert json.loads(kept.read_text()) == by_hand
    assert written_by_hand(kept) == ["things: title, primaryKey, constraints of kind"]
    assert written_by_hand(path) == []
    path.write_text("[1]")
    assert write_package(found, path, may_replace=True) == tmp_path / "datapackage.json.2.bak"
    assert written_by_hand(tmp_path / "datapackage.json.2.bak") == []


def test_files_of_later_months_have_a_hint(tmp_path: Path) -> None:
    [sales, other] = described(tmp_path, **{"sales-2026-01": "a\n1\n", "sales-2026-02": "a\n1\n", "x": "a\n1\n"})
    assert '  to load later files too, write "path": "sales-*.csv"' in list(sales.lines())
    assert not any("later files" in line for line in other.lines())
    found = described(tmp_path, **{"sales-2026-01": "a\n1\n", "sales-2026-02": "a\n1\n", "sales-2026-03": "a,b\n1,2\n"})
    hint = 'one resource can have both, with the columns of both and "fieldsMatch": "partial"'
    assert f"  called like sales-2026-03.csv, with other columns: {hint}" in list(found[0].lines())
    assert f"  called like sales-2026-01.csv, with other columns: {hint}" in list(found[1].lines())


def test_reports_of_the_pipeline_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    (tmp_path / ".reports.json").write_text('{"reports": {"loads.csv": {}}}')
    for name in ("goods.csv", "loads.csv"):
        (tmp_path / name).write_text("id\n1\n")
    kinds = file_kinds(tmp_path, [tmp_path / "goods.csv", tmp_path / "loads.csv"])
    assert [file.name for kind in kinds for file in kind.files] == ["goods.csv"]
    assert caplog.messages == ["left out, since the exporter wrote them: loads.csv"]
    with pytest.raises(SettingsError, match=r"^all named files are reports of the pipeline; name the CSV files"):
        file_kinds(tmp_path, [tmp_path / "loads.csv"])


def test_a_header_that_looks_like_a_row_is_said(tmp_path: Path) -> None:
    remark = '  the header may be a row: if the file has none, add "dialect": {"header": false} to the resource'
    assert remark in [*described(tmp_path, a="1,2026-01-31,3.5\n4,2026-02-01,6\n")[0].lines()]
    assert remark not in [*described(tmp_path, b="id,2020,2021\n1,2,3\n")[0].lines()]


def test_all_files_that_cannot_be_described_are_named(tmp_path: Path) -> None:
    paths = write(tmp_path, a="id\n1\n", b="", c="\n", d="id\n\xff\n".encode("latin-1"))
    with pytest.raises(InputError) as refused:
        file_kinds(tmp_path, paths)
    assert [line.partition(":")[0].removeprefix(f"{tmp_path}/") for line in refused.value.lines] == [
        "b.csv",
        "c.csv",
        "d.csv line 2",
    ]
