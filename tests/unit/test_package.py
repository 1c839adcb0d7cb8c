"""What a datapackage.json becomes."""

import json
import os
import re
from pathlib import Path

import pytest

from pipeline import PROJECT
from pipeline.descriptions.description import Constraints, Dataset, Dialect, Field, Reference
from pipeline.descriptions.package import OWN_PACKAGE, find_package, read_package
from pipeline.errors import InputError
from tests.unit.packages import Json, dataset, datasets, refers, refusal, resource, written


def test_the_example_of_the_guide_has_its_keys(tmp_path: Path) -> None:
    guide = (PROJECT / "docs" / "datapackage.md").read_text(encoding="utf-8")
    [example] = [each for each in re.findall(r"```json\n(.*?)```", guide, re.DOTALL) if '"foreignKeys"' in each]
    customers, orders = read_package(written(tmp_path, example)).datasets
    assert (customers.primary_key, orders.primary_key) == (("Customer",), ("Order No",))
    assert orders.references == (Reference(("Customer",), "customers", ("Customer",), None),)
    assert [field.name for field in orders.fields if field.constraints.required] == ["Order No", "Customer"]


def test_the_own_package_describes_places_people_and_examples_in_load_order() -> None:
    package = read_package(OWN_PACKAGE)
    places, people, examples = package.datasets
    assert (package.name, places.name, people.name, examples.name) == (
        "people-and-places",
        "places",
        "people",
        "examples",
    )
    text = Constraints(required=True, min_length=1, max_length=200)
    assert [(field.column, field.type, field.constraints) for field in places.fields] == [
        ("city", "string", text),
        ("county", "string", text),
        ("country", "string", text),
    ]
    assert (places.primary_key, places.shared_keys, places.fields_match) == (("city",), True, "subset")
    assert [(field.column, field.type, field.constraints) for field in people.fields] == [
        ("given_name", "string", text),
        ("family_name", "string", text),
        ("date_of_birth", "date", Constraints(required=True, minimum="0001-01-01", not_in_future=True)),
        ("place_of_birth", "string", Constraints(required=True)),
    ]
    assert people.references == (Reference(("place_of_birth",), "places", ("city",), "place_id"),)
    assert [field.column for field in examples.fields] == ["name"]
    assert all(each.title and each.description for each in package.datasets)
    assert all(field.title and field.description for each in package.datasets for field in each.fields)


def test_the_own_package_is_read_once() -> None:
    assert read_package(OWN_PACKAGE) is read_package(OWN_PACKAGE)


def test_the_package_of_the_data_folder_comes_before_the_own_one(tmp_path: Path) -> None:
    assert find_package(tmp_path) == OWN_PACKAGE
    assert find_package(tmp_path / "gone") == OWN_PACKAGE
    path = written(tmp_path, {})
    assert find_package(tmp_path) == path
    path.unlink()
    path.symlink_to("gone.json")
    assert find_package(tmp_path) == path


def test_a_folder_that_does_not_say_whether_it_has_a_package_is_refused(tmp_path: Path) -> None:
    """Without the right to look into it, as root has it everywhere: the project's own package would apply to it."""
    (tmp_path / "closed").mkdir(mode=0o600)
    user = os.geteuid()
    os.seteuid(user or 65534)
    try:
        with pytest.raises(InputError, match=r"datapackage.json: cannot be read: Permission denied; correct"):
            find_package(tmp_path / "closed")
    finally:
        os.seteuid(user)


def test_an_empty_group_character_is_none(tmp_path: Path) -> None:
    [amount] = dataset(tmp_path, {"name": "amount", "type": "number", "groupChar": "", "decimalChar": ","}).fields
    assert (amount.group_char, amount.decimal_char) == (None, ",")


def test_a_resource_becomes_a_dataset_with_all_it_says(tmp_path: Path) -> None:
    price = {
        "name": "amount $",
        "type": "number",
        "decimalChar": ",",
        "groupChar": ".",
        "bareNumber": False,
        "constraints": {"minimum": 0.10, "exclusiveMaximum": "1.000,5"},
        "title": "Price",
        "description": "In dollars.",
        "missingValues": [{"value": "-", "label": "unknown"}],
    }
    kind = {"name": "Kind", "type": "string", "constraints": {"pattern": "[a-z]+", "enum": ["a", "b"], "minLength": 1}}
    sold = {"name": "sold", "type": "boolean", "trueValues": ["yes"], "falseValues": ["no"]}
    read = dataset(
        tmp_path,
        price,
        {**kind, "constraints": {**kind["constraints"], "unique": True}},  # type: ignore[dict-item]
        sold,
        {"name": "tags", "type": "list", "delimiter": "; ", "itemType": "integer"},
        name="world-sales",
        path=["./a.csv.gz", "b/**/*.csv"],
        encoding="Latin1",
        dialect={"delimiter": ";", "quoteChar": "'", "escapeChar": "\\", "doubleQuote": False, "commentChar": "#"},
        schema={"missingValues": ["", "NA"], "fieldsMatch": ["equal"], "primaryKey": "Kind"},
        title="Sales",
        description="All of them.",
        licenses=[{"name": "CC0-1.0"}],
        homepage="https://example.com",
    )
    assert read == Dataset(
        name="world-sales",
        table="world_sales",
        paths=("a.csv", "b/**/*.csv"),
        fields=(
            Field(
                "amount $",
                "amount",
                "number",
                missing_values=("-",),
                decimal_char=",",
                group_char=".",
                bare_number=False,
                constraints=Constraints(minimum="0,1", exclusive_maximum="1.000,5"),
                title="Price",
                description="In dollars.",
            ),
            Field(
                "Kind",
                "kind",
                missing_values=("", "NA"),
                constraints=Constraints(required=True, unique=True, min_length=1, pattern="[a-z]+", enum=("a", "b")),
            ),
            Field("sold", "sold", "boolean", missing_values=("", "NA"), true_values=("yes",), false_values=("no",)),
            Field("tags", "tags", "list", missing_values=("", "NA"), delimiter="; ", item_type="integer"),
        ),
        fields_match="equal",
        primary_key=("Kind",),
        dialect=Dialect(";", "'", "\\", double_quote=False, comment_char="#"),
        encoding="iso8859-1",
        title="Sales",
        description="All of them.",
    )


def test_numbers_stay_exactly_as_they_are_written(tmp_path: Path) -> None:
    bounds = '{"minimum": 0.1000000000000000000001, "maximum": 1e400, "enum": [1.10, "2.50"]}'
    field = f'{{"name": "f", "type": "number", "constraints": {bounds}}}'
    path = written(tmp_path, f'{{"resources": [{{"name": "r", "path": "r.csv", "schema": {{"fields": [{field}]}}}}]}}')
    constraints = read_package(path).datasets[0].fields[0].constraints
    assert (constraints.minimum, constraints.maximum) == ("0.1000000000000000000001", "1e400")
    assert constraints.enum == ("1.10", "2.50")


def test_bounds_are_texts_as_a_cell_would_have_them(tmp_path: Path) -> None:
    sold = {"name": "a", "type": "boolean", "trueValues": ["yes"], "falseValues": ["no"]}
    read = dataset(
        tmp_path,
        {**sold, "constraints": {"enum": [True]}},
        {"name": "b", "type": "date", "format": "%d/%m/%Y", "constraints": {"minimum": "31/12/2020"}},
        {"name": "c", "type": "year", "constraints": {"minimum": 1900, "maximum": "2100"}},
        {"name": "d", "type": "duration", "constraints": {"maximum": "P1Y2M3DT4H5M6.5S"}},
        {"name": "e", "type": "datetime", "constraints": {"minimum": "2020-01-01T00:00:00Z"}},
        {"name": "f", "type": "time", "constraints": {"minimum": "08:00:00"}},
        {"name": "g", "type": "yearmonth", "constraints": {"minimum": "2020-12"}},
    )
    constraints = [field.constraints for field in read.fields]
    assert constraints[0].enum == ("yes",)
    assert [each.minimum for each in constraints[1:]] == [
        "31/12/2020", "1900", None, "2020-01-01T00:00:00Z", "08:00:00", "2020-12",
    ]  # fmt: skip


def test_categories_become_an_enum(tmp_path: Path) -> None:
    level = {"name": "a", "type": "integer", "categories": [{"value": 1, "label": "low"}, {"value": 2}]}
    read = dataset(
        tmp_path,
        {**level, "categoriesOrdered": True},
        {"name": "b", "type": "string", "categories": ["x", "y"], "constraints": {"enum": ["y"]}},
    )
    assert [field.constraints.enum for field in read.fields] == [("1", "2"), ("y",)]


@pytest.mark.parametrize(
    ("properties", "type"),
    [
        ({}, "string"),
        ({"$schema": "https://datapackage.org/profiles/1.0/datapackage.json"}, "string"),
        ({"$schema": "https://datapackage.org/profiles/2.0/datapackage.json"}, "any"),
    ],
)
def test_a_field_without_type_is_what_the_version_of_the_standard_says(
    tmp_path: Path, properties: Json, type: str
) -> None:
    assert datasets(tmp_path, resource(), **properties)[0].fields[0].type == type


def test_missing_values_of_a_field_replace_those_of_its_schema_and_these_those_of_the_package(tmp_path: Path) -> None:
    read = datasets(
        tmp_path,
        resource({"name": "a"}, {"name": "b", "missingValues": []}, schema={"missingValues": ["NA"]}),
        resource(name="others"),
        missingValues=["?"],
    )
    assert [field.missing_values for field in (*read[0].fields, *read[1].fields)] == [("NA",), (), ("?",)]


def test_schema_and_dialect_may_stand_in_files_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/schema.json").write_text('{"fields": [{"name": "a", "type": "year"}]}')
    (tmp_path / "dialect.json").write_text('{"delimiter": "|"}')
    [read] = datasets(tmp_path, {**resource(dialect="dialect.json"), "schema": "parts/schema.json"})
    assert (read.fields[0].type, read.dialect.delimiter) == ("year", "|")
    (tmp_path / "parts/schema.json").write_text('{"fields": [{"name": "a", "type": "yaer"}]}')
    message = refusal(tmp_path, {"resources": [{**resource(), "schema": "parts/schema.json"}]})
    assert message.startswith("parts/schema.json /fields/0/type: 'yaer' is not a type; use one of string, number, ")


def test_a_link_does_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    outside, inside = tmp_path / "secret.json", tmp_path / "data"
    outside.write_text('{"fields": [{"name": "a"}]}')
    inside.mkdir()
    (inside / "schema.json").symlink_to(outside)
    assert refusal(inside, {"resources": [{**resource(), "schema": "schema.json"}]}) == (
        "datapackage.json /resources/0/schema: 'schema.json' leads out of the data folder;"
        " copy the file into the folder"
    )


def test_metadata_and_properties_of_others_are_ignored(tmp_path: Path) -> None:
    metadata: Json = {"sources": [], "licenses": [{"name": "CC0-1.0"}], "license": "CC0", "unit": "m", "hash": "5d41"}
    field = {"name": "id", "title": "Id", "example": "1", "rdfType": "http://schema.org/identifier", **metadata}
    resources = resource(field, mediatype="text/csv", schema=metadata, profile="tabular-data-resource", **metadata)
    assert datasets(tmp_path, resources, **metadata, contributors=[]) == datasets(
        tmp_path, resource({"name": "id", "title": "Id"})
    )


def test_without_a_header_the_delimiter_is_that_of_the_standard(tmp_path: Path) -> None:
    assert dataset(tmp_path, dialect={"header": False}).dialect.delimiter == ","
    assert dataset(tmp_path, dialect={"quoteChar": None, "csvddfVersion": 1.2}).dialect == Dialect(quote_char=None)


def test_what_is_referred_to_stands_first_and_the_rest_as_in_the_file(tmp_path: Path) -> None:
    read = datasets(tmp_path, refers("d", "c", "b"), refers("a"), refers("c"), refers("b", "b", ""))
    assert [each.name for each in read] == ["a", "c", "b", "d"]
    assert read[2].references == (Reference(("to",), "b", ("id",)), Reference(("to",), "b", ("id",)))


def test_a_long_chain_of_references_is_no_problem(tmp_path: Path) -> None:
    read = datasets(tmp_path, *(refers(f"r{i}", f"r{i + 1}") for i in range(999)), refers("r999"))
    assert [each.name for each in read] == [f"r{i}" for i in reversed(range(1000))]


def test_a_foreign_key_may_have_several_fields_in_any_order(tmp_path: Path) -> None:
    fields = [{"name": "x", "type": "year"}, {"name": "y"}]
    key = {"fields": ["y", "x"], "reference": {"resource": "a", "fields": ["y", "x"]}}
    read = datasets(
        tmp_path,
        resource(*fields, name="a", schema={"uniqueKeys": [["x", "y"]]}),
        resource(*fields, name="b", schema={"foreignKeys": [key]}),
    )
    assert read[1].references == (Reference(("y", "x"), "a", ("y", "x")),)
    assert not read[0].fields[0].constraints.required


def test_a_name_of_its_own_saves_a_column_or_a_table(tmp_path: Path) -> None:
    read = dataset(
        tmp_path, {"name": "2020", "pipeline:column": "y2020"}, **{"name": "loads", "pipeline:table": "cargo"}
    )
    assert (read.table, read.fields[0].column) == ("cargo", "y2020")


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    path = written(tmp_path, b"\xef\xbb\xbf" + json.dumps({"resources": [resource()]}).encode())
    assert read_package(path).name is None
