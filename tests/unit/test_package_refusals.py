"""What a datapackage.json cannot be: each refusal names file, pointer and remedy."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.descriptions.faults import DescriptionError
from pipeline.descriptions.package import read_package
from pipeline.errors import InputError
from tests.shared import memory
from tests.support import examples
from tests.unit.packages import Json, field_refusal, refers, refusal, resource, written

TYPES = "string, number, integer, boolean, date, time, datetime, year, yearmonth, duration, object, array, list"


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"type": "dat"}, f"/type: 'dat' is not a type; use one of {TYPES}, geopoint, geojson, any"),
        ({"type": 5}, "/type: 5 must be a string; correct it"),
        (
            {"type": "date", "format": "any"},
            "/format: 'any' is not a format that is supported for type date; use default or a pattern such as %d/%m/%Y",
        ),
        (
            {"type": "geopoint", "format": "wkt"},
            "/format: 'wkt' is not a format that is supported for type geopoint; use default or array or object",
        ),
        (
            {"type": "date", "format": "%d/%m"},
            "/format: '%d/%m' leaves the day open; name day, month and year",
        ),
        (
            {"type": "date", "format": "%Y-%m-%d %H:%M"},
            "/format: '%Y-%m-%d %H:%M' has more than a date; remove the rest, or make the type datetime",
        ),
        (
            {"type": "time", "format": "%I:%M"},
            "/format: '%I:%M' leaves the hour open; name the hour, with %p if it is %I",
        ),
        (
            {"type": "datetime", "format": "%F %T"},
            "/format: '%F %T' cannot be read: 'F' is a bad directive in format '%F %T';"
            " use directives such as %Y, %m, %d, %H, %M and %S",
        ),
        ({"required": True}, "/required: 'required' is not supported here; write it into 'constraints' of the field"),
        (
            {"primaryKey": True},
            "/primaryKey: 'primaryKey' is not supported here; write it into 'schema', next to 'fields'",
        ),
        (
            {"foreignKey": "things"},
            "/foreignKey: 'foreignKey' looks like 'foreignKeys', which is not supported here;"
            " write it into 'schema', next to 'fields'",
        ),
        (
            {"missingvalues": []},
            "/missingvalues: 'missingvalues' is not a property that is known here; write 'missingValues'",
        ),
        (
            {"pipeline:notInFutur": True},
            "/pipeline:notInFutur: 'pipeline:notInFutur' is not a property that is known here;"
            " write 'pipeline:notInFuture'",
        ),
        ({"pipeline:x/~": 1}, "/pipeline:x~1~0: 'pipeline:x/~' is not a property that is known here; remove it"),
        (
            {"pipeline:notInFuture": True},
            "/pipeline:notInFuture: 'pipeline:notInFuture' is not for type string;"
            " remove it; it is for date, datetime, year, yearmonth",
        ),
        (
            {"type": "number", "groupChar": "."},
            ": 'groupChar' and 'decimalChar' are both '.'; change one of them",
        ),
        (
            {"type": "boolean", "trueValues": ["x"], "falseValues": ["x"]},
            ": 'x' is among 'trueValues' and 'falseValues'; remove it from one of them",
        ),
        ({"type": "boolean", "trueValues": ["x", "x"]}, "/trueValues/1: 'x' stands twice; remove one"),
        (
            {"type": "list", "itemType": "list"},
            "/itemType: 'list' is not a type of items; use one of string, integer, boolean, number,"
            " datetime, date, time",
        ),
        (
            {"type": "date", "categories": ["x"]},
            "/categories: 'categories' is not for type date; write an enum into the constraints",
        ),
        (
            {"categories": ["x"], "constraints": {"enum": ["y"]}},
            "/constraints/enum/0: 'y' is not among the categories; add it there or remove it",
        ),
    ],
)
def test_what_a_field_cannot_be_is_refused(tmp_path: Path, field: Json, message: str) -> None:
    assert field_refusal(tmp_path, field) == message


@pytest.mark.parametrize(
    ("type", "constraints", "message"),
    [
        ("string", {"requierd": True}, "/requierd: 'requierd' is not a property that is known here; write 'required'"),
        ("string", {"positive": True}, "/positive: 'positive' is not a property that is known here; remove it"),
        (
            "string",
            {"primaryKey": True},
            "/primaryKey: 'primaryKey' is not supported here; write it into 'schema', next to 'fields'",
        ),
        ("string", {"required": "yes"}, "/required: 'yes' must be true or false; correct it"),
        (
            "object",
            {"jsonSchema": {}},
            "/jsonSchema: 'jsonSchema' is not supported here; remove it, or check the values after the load",
        ),
        (
            "date",
            {"pipeline:notInFuture": True},
            "/pipeline:notInFuture: 'pipeline:notInFuture' is not supported here; write it next to 'constraints'",
        ),
        (
            "number",
            {"minLength": 1},
            "/minLength: 'minLength' is not for type number; remove it; it is for array, list, object, string",
        ),
        ("any", {"pattern": "a"}, "/pattern: 'pattern' is not for type any; remove it; it is for string"),
        ("string", {"minLength": -1}, "/minLength: -1 must be a whole number from 0 to 999999999; correct it"),
        ("string", {"maxLength": 1.5}, "/maxLength: 1.5 must be a whole number from 0 to 999999999; correct it"),
        ("number", {"minimum": "few"}, "/minimum: 'few' is not a value of type number; correct it, or the type"),
        ("integer", {"minimum": 1.5}, "/minimum: 1.5 is not a value of type integer; correct it, or the type"),
        (
            "number",
            {"maximum": [1]},
            "/maximum: an array is not written as a value of type number; write it as a string",
        ),
        (
            "date",
            {"minimum": "2020-02-30"},
            "/minimum: '2020-02-30' is not a value of type date; correct it, or the type",
        ),
        ("string", {"enum": [1]}, "/enum/0: 1 is not written as a value of type string; write it as a string"),
        ("string", {"enum": []}, "/enum: the array is empty; fill or remove it"),
        (
            "string",
            {"pattern": "(a"},
            "/pattern: '(a' is not a regular expression (missing ), unterminated subpattern at position 0); correct it",
        ),
        ("string", {"pattern": "a" * 1001}, "/pattern: longer than 1000 characters; shorten it"),
        (
            "string",
            {"pattern": r"\p{L}"},
            r"/pattern: '\\p{L}' is not a regular expression (bad escape \p at position 0); correct it",
        ),
    ],
)
def test_what_a_constraint_cannot_be_is_refused(tmp_path: Path, type: str, constraints: Json, message: str) -> None:
    assert field_refusal(tmp_path, {"type": type, "constraints": constraints}) == "/constraints" + message


@pytest.mark.parametrize("pattern", ["(" * 900, "a{99999999999}", "[[a]", r"\i"])
def test_a_pattern_that_cannot_be_compiled_is_refused_in_one_line(tmp_path: Path, pattern: str) -> None:
    message = field_refusal(tmp_path, {"constraints": {"pattern": pattern}})
    assert message.startswith("/constraints/pattern: ")
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (
            {"type": "date", "format": "%x"},
            "/format: format '%x': the directive %x is not supported; correct or remove it",
        ),
        (
            {"type": "string", "constraints": {"pattern": "^(?!a).*$"}},
            "/constraints/pattern: pattern '^(?!a).*$' is not supported: invalid perl operator: (?!; correct or remove"
            " it",
        ),
        (
            {"type": "integer", "constraints": {"maximum": 10**20}},
            "/constraints/maximum: maximum '100000000000000000000' is outside the range of bigint (declare the field as"
            " number); correct or remove it",
        ),
        (
            {"type": "string", "format": "uuid", "constraints": {"enum": ["x"]}},
            "/constraints/enum: enum 'x' is not a UUID (8-4-4-4-12 hexadecimal digits); correct or remove it",
        ),
        (
            {"type": "integer", "groupChar": "."},
            ": decimalChar and groupChar are both '.'; correct or remove it",
        ),
    ],
)
def test_what_a_column_cannot_hold_or_check_is_refused_where_it_stands(
    tmp_path: Path, field: Json, message: str
) -> None:
    assert field_refusal(tmp_path, field) == message


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"data": [[1]]}, "/data: 'data' is not supported here; write the rows into a CSV file, and name it as 'path'"),
        (
            {"path": "http://x.org/a.csv"},
            "/path: 'http://x.org/a.csv' is not a path within the data folder; fetch the file into the"
            " folder, and name it as it is called there",
        ),
        (
            {"path": "/etc/passwd"},
            "/path: '/etc/passwd' leads out of the data folder; move the file into the folder, and name it"
            " as it is called there",
        ),
        (
            {"path": ["a.csv", "b/../../c.csv"]},
            "/path/1: 'b/../../c.csv' leads out of the data folder; move the file into the folder, and name"
            " it as it is called there",
        ),
        (
            {"path": "~/a.csv"},
            "/path: '~/a.csv' leads out of the data folder; move the file into the folder, and name it as"
            " it is called there",
        ),
        ({"path": "a/.b/c.csv"}, "/path: 'a/.b/c.csv' is hidden, and hidden files are not loaded; rename the file"),
        ({"path": "a\\b.csv"}, r"/path: 'a\\b.csv' has a backslash; write / between folders"),
        ({"path": "a/"}, "/path: 'a/' has an empty part; name a file"),
        ({"path": "a**.csv"}, "/path: 'a**.csv' may have ** once, alone between two /; write it as in people/**/*.csv"),
        ({"path": []}, "/path: the array is empty; name a file"),
        ({"type": "json"}, "/type: type 'json' is not supported; make it 'table', or remove the resource"),
        (
            {"format": "xlsx"},
            "/format: format 'xlsx' is not supported; convert the file to CSV, or remove the resource",
        ),
        (
            {"compression": "7z"},
            "/compression: compression '7z' is not supported; compress with gzip, bzip2, xz, zstd or zip",
        ),
        (
            {"primaryKey": "id"},
            "/primaryKey: 'primaryKey' is not supported here; write it into 'schema' of the resource",
        ),
        ({"delimiter": ";"}, "/delimiter: 'delimiter' is not supported here; write it into 'dialect' of the resource"),
        (
            {"encoding": "base64"},
            "/encoding: 'base64' is not a text encoding that is known and keeps ASCII; name one such as"
            " latin-1 or utf-16",
        ),
        (
            {"encoding": "utf-7"},
            "/encoding: 'utf-7' is not a text encoding that is known and keeps ASCII; name one such as"
            " latin-1 or utf-16",
        ),
        (
            {"encoding": "cp037"},
            "/encoding: 'cp037' is not a text encoding that is known and keeps ASCII; name one such as"
            " latin-1 or utf-16",
        ),
        (
            {"schema": "https://x.org/s.json"},
            "/schema: 'https://x.org/s.json' is not a path within the data folder; fetch the file into the"
            " folder, and name it as it is called there",
        ),
        ({"schema": None}, ": 'schema' is missing; let `pipeline describe` write it, or remove the resource"),
        ({"name": None}, ": 'name' is missing; add it"),
        (
            {"pipeline:sharedKeys": True},
            "/pipeline:sharedKeys: there are no keys to share; add a primaryKey to the schema, or remove this",
        ),
        ({"pipeline:table": "My Things"}, "/pipeline:table: 'My Things' is not in snake_case; write 'my_things'"),
        (
            {"dialect": {"delimiter": "::"}},
            "/dialect/delimiter: '::' is not one ASCII character, other than a letter, a digit or a line"
            " end; correct it",
        ),
        (
            {"dialect": {"quoteChar": ";", "delimiter": ";"}},
            "/dialect: 'delimiter' and 'quoteChar' are both ';'; change one of them",
        ),
        (
            {"dialect": {"lineTerminator": ";"}},
            "/dialect/lineTerminator: ';' is not supported; end lines with \\n, and remove this",
        ),
        (
            {"dialect": {"nullSequence": "NA"}},
            "/dialect/nullSequence: 'nullSequence' is not supported here; write it into missingValues of the schema",
        ),
        (
            {"dialect": {"headerRows": [1, 2]}},
            "/dialect/headerRows: a header of several rows, or further down, is not supported; write it in row 1",
        ),
        (
            {"dialect": {"sheetName": "a"}},
            "/dialect/sheetName: 'sheetName' is not supported here; remove it; it is not for CSV files",
        ),
        (
            {"dialect": {"csv": {"delimiter": ";"}}},
            "/dialect/csv: 'csv' is not supported here; write its properties into the dialect itself",
        ),
        (
            {"dialect": {"delimeter": ";"}},
            "/dialect/delimeter: 'delimeter' is not a property that is known here; write 'delimiter'",
        ),
        (
            {"dialect": {"caseSensitiveHeader": True}},
            "/dialect/caseSensitiveHeader: names in headers are compared in any case; remove it",
        ),
        (
            {"primaryKeys": ["id"]},
            "/primaryKeys: 'primaryKeys' looks like 'primaryKey', which is not supported here; write it into 'schema'"
            " of the resource",
        ),
    ],
)
def test_what_a_resource_cannot_be_is_refused(tmp_path: Path, properties: Json, message: str) -> None:
    package = {"resources": [{**resource(), **properties}]}
    assert refusal(tmp_path, package) == "datapackage.json /resources/0" + message


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"primarykey": "a"}, "/primarykey: 'primarykey' is not a property that is known here; write 'primaryKey'"),
        ({"primaryKey": ["a", "x"]}, "/primaryKey/1: 'x' is not a field; name one of the fields"),
        ({"primaryKey": "x"}, "/primaryKey: 'x' is not a field; name one of the fields"),
        ({"primaryKey": []}, "/primaryKey: the array is empty; fill or remove it"),
        ({"primaryKey": ["a", "a"]}, "/primaryKey/1: 'a' stands twice; remove one"),
        (
            {"uniqueKeys": [["a"], ["o"]]},
            "/uniqueKeys/1/0: 'o' is of type object, which cannot be in a key; leave it out",
        ),
        (
            {"fieldsMatch": "some"},
            "/fieldsMatch: 'some' is not a way to match fields; use one of exact, equal, subset, superset, partial",
        ),
        ({"fields": []}, "/fields: 0 fields; describe 1 to 1500"),
        (
            {"fields": [{"name": "x y"}, {"name": "x-y"}]},
            "/fields/1/name: 'x y' and 'x-y' make the same column; give one a \"pipeline:column\"",
        ),
        (
            {"fields": [{"name": "xy"}, {"name": "XY "}]},
            "/fields/1/name: 'xy' and 'XY ' are one name in a header, where case is ignored; rename one",
        ),
        (
            {"fields": [{"name": "%"}]},
            "/fields/0/name: '%' has no letter or digit; give the field another \"pipeline:column\"",
        ),
        (
            {"fields": [{"name": "2020"}]},
            "/fields/0/name: '2020' makes the column '2020', which begins with a digit; give the field"
            ' another "pipeline:column"',
        ),
        (
            {"fields": [{"name": "Row number"}]},
            "/fields/0/name: 'Row number' makes the column 'row_number', which is a column of the"
            ' pipeline\'s own; give the field another "pipeline:column"',
        ),
        (
            {"foreignKeys": [{"fields": "a", "reference": {"fields": "x"}}]},
            "/foreignKeys/0/reference/fields: 'x' is not a field of things; name one of its fields",
        ),
        (
            {"foreignKeys": [{"fields": "a", "reference": {"fields": "a"}}]},
            "/foreignKeys/0/reference/fields: a is not a key of things; make it its primaryKey, one of its"
            " uniqueKeys, or unique",
        ),
        (
            {"foreignKeys": [{"fields": "a", "reference": {"resource": "x", "fields": "a"}}]},
            "/foreignKeys/0/reference/resource: 'x' is not a resource; name one of things",
        ),
        (
            {"foreignKeys": [{"fields": "a", "reference": {"fields": ["a", "n"]}}]},
            "/foreignKeys/0: 1 fields refer to 2; name as many on both sides",
        ),
        (
            {"uniqueKeys": [["n"]], "foreignKeys": [{"fields": "a", "reference": {"fields": "n"}}]},
            "/foreignKeys/0: 'a' is of type string, and 'n' of things of type number; give both the same type",
        ),
        (
            {"foreignKeys": [{"fields": "a", "reference": {"package": "http://x.org", "fields": "a"}}]},
            "/foreignKeys/0/reference/package: 'package' is not supported here; refer to a resource of this package",
        ),
        (
            {"foreignKeys": [{"fields": "a", "reference": {"fields": "b"}, "pipeline:idColumn": "n"}]},
            "/foreignKeys/0/pipeline:idColumn: there is a column 'n' already; name another",
        ),
        (
            {"foreignKeys": [{"fields": "a", "reference": {"fields": "b"}, "pipeline:idColumn": "ctid"}]},
            "/foreignKeys/0/pipeline:idColumn: the column 'ctid' is a column that each table of PostgreSQL"
            " has; name another",
        ),
        (
            {
                "primaryKey": "a",
                "foreignKeys": [{"fields": "a", "reference": {"fields": "b"}, "pipeline:idColumn": "b_id"}],
            },
            "/foreignKeys/0/pipeline:idColumn: 'b_id' replaces 'a', which another key needs; remove it",
        ),
    ],
)
def test_what_a_schema_cannot_be_is_refused(tmp_path: Path, schema: Json, message: str) -> None:
    fields = [{"name": "a"}, {"name": "b"}, {"name": "n", "type": "number"}, {"name": "o", "type": "object"}]
    package = {"resources": [{**resource(), "schema": {"fields": fields, **schema}}]}
    assert refusal(tmp_path, package) == "datapackage.json /resources/0/schema" + message


def test_a_cycle_of_references_is_refused_by_name(tmp_path: Path) -> None:
    assert refusal(tmp_path, {"resources": [refers("a", "b"), refers("b", "c"), refers("c", "a")]}) == (
        "datapackage.json /resources: resources refer to each other in a cycle: a → b → c → a; remove one reference"
    )


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a", "a"), "/resources/1/name: 'a' and 'a' are the same name; rename one"),
        (("a b", "a-b"), "/resources/1/name: 'a b' and 'a-b' make the same table; give one a \"pipeline:table\""),
        (
            ("Loads",),
            "/resources/0/name: 'Loads' makes the table 'loads', which is a table of the pipeline's own;"
            ' give the resource another "pipeline:table"',
        ),
        (
            ("pg_class",),
            "/resources/0/name: 'pg_class' makes the table 'pg_class', which begins as the tables of"
            ' PostgreSQL\'s own do; give the resource another "pipeline:table"',
        ),
        ((), "/resources: 0 resources; describe 1 to 1000"),
    ],
)
def test_names_that_cannot_stand_next_to_others_are_refused(tmp_path: Path, names: tuple[str], message: str) -> None:
    resources = [{**resource(), "name": name} for name in names]
    assert refusal(tmp_path, {"resources": resources}) == "datapackage.json " + message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "datapackage.json line 1 column 1: not JSON (Expecting value); correct it"),
        (
            '{"a": 1,}',
            "datapackage.json line 1 column 9: not JSON (Expecting property name enclosed in double"
            " quotes); correct it",
        ),
        ("[]", "datapackage.json: an array instead of an object; correct it"),
        ("{}", "datapackage.json: 'resources' is missing; add it"),
        (
            '{"resource": []}',
            "datapackage.json /resource: 'resource' is not a property that is known here; write 'resources'",
        ),
        (b'{"a": "\xff"}', "datapackage.json: byte 7 is not UTF-8; save the file as UTF-8"),
        ('{"a": {"b": 1, "b": 2}}', "datapackage.json /a/b: this name stands twice in its object; remove one"),
        ('{"a": [NaN]}', "datapackage.json /a/0: NaN is not JSON; write a number, or a string"),
        ('{"a": -Infinity}', "datapackage.json /a: -Infinity is not JSON; write a number, or a string"),
        ('{"a": "\\u0000"}', "datapackage.json /a: the string holds NUL or half a character; correct it"),
        (
            '{"a": {"\\ud800": 1}}',
            "datapackage.json /a: a name in this object holds NUL or half a character; correct it",
        ),
        ("[" * 1_000_000, "datapackage.json: deeper than 50 levels; flatten it"),
        ('{"a":' * 51 + "1" + "}" * 51, "datapackage.json " + "/a" * 50 + ": deeper than 50 levels; flatten it"),
        (b'{"a": "' + b"\xc3\xa9" * (2 << 20) + b'"}', "datapackage.json: larger than 4 MiB; shorten it"),
    ],
)
def test_json_that_cannot_be_trusted_is_refused_in_one_line(tmp_path: Path, content: str | bytes, message: str) -> None:
    assert refusal(tmp_path, content) == message


def test_a_description_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "datapackage.json"
    path.mkdir()
    with pytest.raises(InputError, match=r"datapackage.json: not a file; put a JSON file in its place"):
        read_package(path)
    with pytest.raises(InputError, match=r"gone.json: cannot be read: No such file or directory; correct the file"):
        read_package(tmp_path / "gone.json")


def test_all_faults_are_reported_in_one_go_each_with_its_place(tmp_path: Path) -> None:
    things = resource(
        {"name": "a", "type": "dat"},
        {"name": "b", "required": True, "missingvalues": []},
        {"name": "c", "constraints": {"minimum": "x"}},
        encoding="klingon",
        dialect={"delimiter": 5},
        compression="7z",
        pth="x.csv",
    )
    keys = {
        "primaryKey": "x",
        "uniqueKeys": [["y"], ["z"]],
        "foreignKeys": [{"fields": "v", "reference": {"resource": "", "fields": "id"}}],
    }
    others = resource(name="others", schema={**keys, "fieldsMatch": "some"})
    with pytest.raises(DescriptionError) as caught:
        read_package(written(tmp_path, {"resorces": 1, "resources": [things, others]}))
    assert [line.replace(f"{tmp_path}/datapackage.json ", "").partition(": ")[0] for line in caught.value.faults] == [
        "/resorces",
        "/resources/0/pth",
        "/resources/0/compression",
        "/resources/0/dialect/delimiter",
        "/resources/0/encoding",
        "/resources/0/schema/fields/0/type",
        "/resources/0/schema/fields/1/required",
        "/resources/0/schema/fields/1/missingvalues",
        "/resources/0/schema/fields/2/constraints/minimum",
        "/resources/1/schema/fieldsMatch",
    ]
    assert caught.value.lines[10:] == ("and 4 more faults",)


def test_of_many_faults_the_first_are_named_and_the_others_counted(tmp_path: Path) -> None:
    fields = [{"name": f"f{number}", "type": "dat"} for number in range(1_000)]
    with pytest.raises(DescriptionError) as caught:
        read_package(written(tmp_path, {"resources": [resource(*fields)]}))
    assert len(caught.value.faults) == 10
    assert str(caught.value).endswith("; and 990 more faults")


def test_all_references_that_lead_nowhere_are_reported(tmp_path: Path) -> None:
    message = refusal(tmp_path, {"resources": [refers("a", "gone", "away"), refers("b", "lost")]})
    pointers = ("/resources/0/schema/foreignKeys/0", "/resources/0/schema/foreignKeys/1", "/resources/1/schema/f")
    assert all(pointer in message for pointer in pointers)


@pytest.mark.parametrize(("title", "shown"), [({"en": "Things"}, "an object instead of"), (5, "5 must be")])
def test_a_title_is_a_text_in_one_language(title: Any, shown: str, tmp_path: Path) -> None:
    for owner in ("title", "description"):
        message = refusal(tmp_path, {"resources": [resource(**{owner: title})]})
        assert message == f"datapackage.json /resources/0/{owner}: {shown} a string; correct it"
        assert field_refusal(tmp_path, {owner: title}) == f"/{owner}: {shown} a string; correct it"


ANYTHING: st.SearchStrategy[object] = st.sampled_from(
    [None, True, 5, 1.5, "", "x", "a", "**", [], ["x"], [["x"]], [None], {}, {"x": 1}, {"value": []}]
)


def places_in(value: Any, *path: str | int) -> list[tuple[str | int, ...]]:
    """The paths of all values within a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in places_in(item, *path, key))]


FULL = {
    "resources": [
        resource(
            {
                "name": "a",
                "type": "number",
                "constraints": {"minimum": 1, "enum": [2]},
                "decimalChar": ",",
                "groupChar": ".",
            },
            {
                "name": "b",
                "type": "boolean",
                "trueValues": ["x"],
                "falseValues": ["y"],
                "missingValues": [{"value": "-"}],
            },
            {"name": "c", "type": "date", "format": "%d/%m/%Y", "pipeline:notInFuture": True, "pipeline:column": "d"},
            {"name": "e", "type": "list", "delimiter": ";", "itemType": "date", "constraints": {"maxLength": 3}},
            {"name": "f", "categories": [{"value": "x", "label": "y"}], "constraints": {"pattern": "x"}},
            {"name": "h", "constraints": {"unique": True}},
            schema={
                "primaryKey": ["a"],
                "uniqueKeys": [["a", "b"]],
                "foreignKeys": [
                    {"fields": "f", "reference": {"resource": "", "fields": ["h"]}, "pipeline:idColumn": "g"}
                ],
                "fieldsMatch": ["subset"],
                "missingValues": [""],
            },
            dialect={"delimiter": ";", "header": True},
            encoding="latin-1",
        )
        | {"pipeline:sharedKeys": True}
    ],
    "missingValues": ["", "NA"],
}


@examples(60)
@given(st.sampled_from(places_in(FULL)), ANYTHING)
def test_any_description_is_read_or_refused_in_one_line(place: tuple[str | int, ...], value: object) -> None:
    changed = {"whole": json.loads(json.dumps(FULL))}
    inner: Any = changed
    for key in (steps := ("whole", *place))[:-1]:
        inner = inner[key]
    inner[steps[-1]] = value
    with TemporaryDirectory(dir=memory()) as folder:
        try:
            read_package(written(Path(folder), json.dumps(changed["whole"])))
            message = ""
        except InputError as error:
            message = str(error)
    assert len(message.splitlines()) <= 1
