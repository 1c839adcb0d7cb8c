"""Checking files by their whole description: fields, references and keys, in the words of a load."""

from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from inspection import check as check_module
from inspection import problems as problems_module
from inspection.comparable import comparable
from pipeline.columns.column import column
from pipeline.csv_text import rows as rows_module
from pipeline.datasets.checking import RowChecker
from pipeline.descriptions.description import Field
from tests.unit.inspecting import checked, problems, write
from tests.unit.packages import Json, resource, written

ID = {"name": "id", "type": "integer"}


def describe(folder: Path, *resources: Json) -> None:
    written(folder, {"resources": list(resources)})


def keyed(*keys: str, name: str = "things", **schema: object) -> Json:
    fields = [{"name": key} for key in keys]
    return resource(*fields, {"name": "n", "type": "number"}, name=name, schema={"primaryKey": list(keys), **schema})


def test_problems_are_grouped_by_rule_with_the_first_lines(tmp_path: Path) -> None:
    describe(tmp_path, resource(ID, {"name": "day", "type": "date", "constraints": {"required": True}}))
    write(tmp_path, things="id,day\n1,2026-01-02\n" + "x,2026-13-01\n" * 5 + "2,\n3\n")
    [found] = checked(tmp_path)
    assert (found.row_count, found.problems.row_count) == (8, 7)
    assert list(found.problems.lines()) == [
        "5 x id is not a whole number: line 3 'x', line 4 'x', line 5 'x', ...",
        "5 x day is not a date (YYYY-MM-DD): line 3 '2026-13-01', line 4 '2026-13-01', line 5 '2026-13-01', ...",
        "1 x day is empty: line 8",
        "1 x row has 1 field, expected 2: line 9",
    ]


def test_a_file_with_any_number_of_rules_takes_little_memory(tmp_path: Path) -> None:
    describe(tmp_path, resource(ID))
    write(tmp_path, things="id\n" + "".join(",".join("1" * width) + "\n" for width in range(2, 9)))
    with mock.patch.object(problems_module, "MOST_RULES", 3):
        lines = problems(tmp_path)
    assert lines[0].startswith("4 x other rules are broken: line 5, line 6")
    assert len(lines) == 4


def test_each_bad_row_is_told_in_the_order_of_the_file(tmp_path: Path) -> None:
    describe(tmp_path, keyed("id"))
    write(tmp_path, things='id,n\na,1\n"b",x\na,2\nc,y\n')
    told: list[tuple[int, str]] = []
    list(check_module.check(tmp_path, (), on_bad_row=lambda _, bad: told.append((bad.row.line, str(bad.faults[0])))))
    assert told == [
        (3, "n 'x' is not a number"),
        (4, "id 'a' is the key of an earlier row"),
        (5, "n 'y' is not a number"),
    ]


def test_a_row_of_a_wrong_form_is_bad_also_where_every_field_may_be_empty() -> None:
    checker = RowChecker([column(Field("a", "a")), column(Field("b", "b"))])
    found = checker.converted([("x", "", ""), ("", "y", "")])
    assert [None in row for row in zip(*found, strict=True)] == [False, False, True]


def test_a_key_is_held_by_the_first_good_row(tmp_path: Path) -> None:
    """Not by a row that is bad for another reason; in whichever block or chunk they stand."""
    describe(tmp_path, keyed("a", "b"))
    write(tmp_path, things="a,b,n\n1,1,x\n1,1,1\n" + "".join(f"2,{n},1\n" for n in range(3_000)) + "1,1,1\n2,7,1\n")
    for lines in (1, rows_module.BLOCK_LINES):
        with mock.patch.object(rows_module, "BLOCK_LINES", lines):
            assert problems(tmp_path) == [
                "2 x a, b is the key of an earlier row: line 3004 '1, 1', line 3005 '2, 7'",
                "1 x n is not a number: line 2 'x'",
            ]


def test_a_row_without_any_text_may_hold_a_key(tmp_path: Path) -> None:
    texts = resource({"name": "id"}, {"name": "m"}, schema={"primaryKey": "id", "missingValues": []})
    describe(tmp_path, texts)
    write(tmp_path, things="id,m\n,\n,x\n")
    assert problems(tmp_path) == ["1 x id is the key of an earlier row: line 3 ''"]


def test_a_key_belongs_to_one_file(tmp_path: Path) -> None:
    describe(tmp_path, {**keyed("id"), "path": ["things.csv", "things-2.csv"]})
    write(tmp_path, **{"things": "id,n\na,1\n", "things-2": "id,n\na,1\nb,1\n"})
    assert problems(tmp_path) == ["1 x id is the key of a row of things-2.csv: line 2 'a'"]


def test_unique_values_and_unique_keys_are_checked_and_may_be_missing(tmp_path: Path) -> None:
    code = {"name": "code", "constraints": {"unique": True}}
    describe(tmp_path, resource(ID, code, {"name": "n", "type": "number"}, schema={"uniqueKeys": [["id", "n"]]}))
    write(tmp_path, things="id,code,n\n1,a,1\n1,,1.0\n1,,\n1,,\n2,a,1\n3,b,2\n")
    assert problems(tmp_path) == [
        "1 x id, n is the same as in an earlier row: line 3 '1, 1.0'",
        "1 x code is the same as in an earlier row: line 6 'a'",
    ]


def test_a_row_that_is_refused_holds_no_other_key(tmp_path: Path) -> None:
    """As for a load: row 2 has the code of row 1, so row 3 may have its id."""
    describe(tmp_path, resource(ID, {"name": "code", "constraints": {"unique": True}}, schema={"primaryKey": "id"}))
    write(tmp_path, things="id,code\n1,x\n2,x\n2,y\n3,y\n")
    assert problems(tmp_path) == ["2 x code is the same as in an earlier row: line 3 'x', line 5 'y'"]


def test_shared_keys_may_be_repeated_and_not_contradicted(tmp_path: Path) -> None:
    describe(tmp_path, {**keyed("id"), "path": "things*.csv", "pipeline:sharedKeys": True})
    write(tmp_path, **{"things": "id,n\na,1\na,1\na,2\n", "things-2": "id,n\na,3\n"})
    assert problems(tmp_path) == ["1 x id is listed with another n in an earlier row: line 4 'a'"]


def reference(field: str, target: str, key: str) -> dict[str, Any]:
    return {"fields": field, "reference": {"resource": target, "fields": key}}


def test_references_are_checked_against_the_files_of_the_folder(tmp_path: Path) -> None:
    """Also where only one file is named; a row that is bad itself is none to refer to."""
    pets = resource(ID, {"name": "owner"}, name="pets", schema={"foreignKeys": [reference("owner", "things", "id")]})
    describe(tmp_path, pets, keyed("id"))
    write(tmp_path, things="id,n\na,1\nb,x\n", pets="id,owner\n1,a\n2,\n3, a \n4,b\n5,c\n")
    [found] = checked(tmp_path, "pets.csv")
    assert list(found.problems.lines()) == ["2 x owner is not in things: line 5 'b', line 6 'c'"]
    assert found.unchecked == ()
    assert [each.path.name for each in checked(tmp_path)] == ["things.csv", "pets.csv"]


def test_a_broken_file_that_others_refer_to_is_told(tmp_path: Path) -> None:
    pets = resource(ID, {"name": "owner"}, name="pets", schema={"foreignKeys": [reference("owner", "things", "id")]})
    describe(tmp_path, pets, keyed("id"))
    write(tmp_path, things="id\na\n", pets="id,owner\n1,a\n")
    assert problems(tmp_path, "pets.csv")[0].startswith(f"{tmp_path / 'things.csv'} line 1: column 'n' is missing")


def test_references_that_cannot_be_checked_are_named(tmp_path: Path) -> None:
    pets = resource(ID, {"name": "owner"}, name="pets", schema={"foreignKeys": [reference("owner", "things", "id")]})
    describe(tmp_path, pets, keyed("id"))
    write(tmp_path, pets="id,owner\n1,a\n")
    [found] = checked(tmp_path)
    assert found.is_good
    assert found.unchecked == ("owner (no file of things is in the folder)",)


def test_a_reference_of_several_fields_is_one_key_in_any_order(tmp_path: Path) -> None:
    both = {"fields": ["x", "y"], "reference": {"resource": "things", "fields": ["b", "a"]}}
    pets = resource({"name": "x"}, {"name": "y"}, name="pets", schema={"foreignKeys": [both]})
    describe(tmp_path, keyed("a", "b"), pets)
    write(tmp_path, things="a,b,n\n1,2,\n", pets="x,y\n2,1\n1,2\n2,\n")
    assert problems(tmp_path) == ["1 x x, y is not in things: line 3 '1, 2'"]


def test_a_row_may_refer_to_a_later_row_of_its_own_dataset(tmp_path: Path) -> None:
    own = keyed("id", foreignKeys=[reference("boss", "", "id")])
    own["schema"]["fields"].append({"name": "boss"})
    describe(tmp_path, own)
    write(tmp_path, things="id,n,boss\na,1,b\nb,1,b\nc,1,d\n")
    assert problems(tmp_path) == ["1 x boss is not in things: line 4 'd'"]


def test_a_row_holds_its_keys_against_later_rows_alone(tmp_path: Path) -> None:
    """As above, where rows are read twice, since they may name later ones."""
    code, boss = {"name": "code", "constraints": {"unique": True}}, {"name": "boss"}
    own = {"primaryKey": "id", "foreignKeys": [reference("boss", "", "code")]}
    describe(tmp_path, {**resource(ID, code, boss, schema=own), "path": ["things.csv", "things-2.csv"]})
    write(tmp_path, **{"things": "id,code,boss\n1,x,\n2,x,y\n2,y,z\n3,z,x\n", "things-2": "id,code,boss\n4,a,x\n"})
    assert problems(tmp_path) == ["1 x code is the same as in an earlier row: line 3 'x'"]


def test_a_file_that_would_be_refused_leaves_the_others_checked(tmp_path: Path) -> None:
    describe(tmp_path, keyed("id"), resource(ID, name="pets"))
    write(tmp_path, things="id\na\n", pets="id\nx\n")
    assert problems(tmp_path, "none.csv", "things.csv", "pets.csv") == [
        f"{tmp_path / 'none.csv'}: no such file; name a CSV file that exists",
        f"{tmp_path / 'things.csv'} line 1: column 'n' is missing from the header, which has 'id'; a file of"
        " things needs exactly id, n, in this order; correct the file, or write"
        ' "fieldsMatch": "superset" into the schema',
        "1 x id is not a whole number: line 2 'x'",
    ]


def test_the_encoding_of_the_description_is_used(tmp_path: Path) -> None:
    describe(tmp_path, resource({"name": "n", "constraints": {"enum": ["é"]}}, encoding="latin-1"))
    write(tmp_path, things="n\né\n".encode("latin-1"))
    assert problems(tmp_path) == []


@pytest.mark.parametrize(
    ("type_name", "texts"),
    [
        ("number", ["1", "1.0", "01.", "+1", "10e-1", ".1e1"]),
        ("number", ["0", "-0.00", "0e5", ".0"]),
        ("number", ["-100", "-1e2", "-100.0"]),
        ("number", ["0.001", "1e-3", ".001"]),
        ("datetime", ["2026-01-02T10:00:00Z", "2026-01-02T12:00:00+02:00", "2026-01-02T10:00:00.000Z"]),
        ("time", ["10:00:00", "10:00:00.0"]),
    ],
)
def test_equal_values_are_one_key(type_name: str, texts: list[str]) -> None:
    found = column(Field("f", "f", type=type_name)).converted(texts)
    assert len(set(comparable(type_name, found))) == 1
    assert comparable(type_name, ["\\N", None]) == ["\\N", None]


@pytest.mark.parametrize("texts", [["1", "10", "1.1", "-1", "100", "0.1", "0.01", "0"]])
def test_different_values_are_different_keys(texts: list[str]) -> None:
    assert len(set(comparable("number", texts))) == len(texts)


def test_rows_that_name_rows_of_their_own_dataset_are_checked_as_a_whole(tmp_path: Path) -> None:
    """Row 2 is missing its parent, and so are the rows that hang on it; rows in a circle are good."""
    parent = {"name": "parent", "type": "integer"}
    own = {"fields": "parent", "reference": {"fields": "id"}}
    schema = {"primaryKey": "id", "foreignKeys": [own]}
    describe(tmp_path, {**resource(ID, parent, schema=schema), "path": ["things.csv", "things-2.csv"]})
    rows, others = "1,2\n2,9\n3,1\n4,5\n6,\n6,7\n2,\n", "5,4\n7,6\n8,3\n"
    write(tmp_path, **{"things": f"id,parent\n{rows}", "things-2": f"id,parent\n{others}"})
    assert problems(tmp_path) == [
        "1 x parent is not in things: line 4 '3'",
        "3 x parent is not in things: line 2 '2', line 3 '9', line 4 '1'",
        "2 x id is the key of an earlier row: line 7 '6', line 8 '2'",
    ]


def test_a_row_with_two_keys_is_not_its_own_earlier_row(tmp_path: Path) -> None:
    """The keys of a dataset that refers to itself are collected in a pass before the check."""
    mail = {"name": "mail", "constraints": {"unique": True}}
    schema = {"primaryKey": "id", "foreignKeys": [{"fields": "boss", "reference": {"fields": "mail"}}]}
    describe(tmp_path, {**resource(ID, mail, {"name": "boss"}, schema=schema), "path": "things.csv"})
    write(tmp_path, things="id,mail,boss\n1,a,\n2,b,a\n3,c,x\n1,d,\n5,a,\n")
    assert problems(tmp_path) == [
        "1 x boss is not in things: line 4 'x'",
        "1 x id is the key of an earlier row: line 5 '1'",
        "1 x mail is the same as in an earlier row: line 6 'a'",
    ]
