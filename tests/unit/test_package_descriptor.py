"""A dataset as JSON text and back."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from pipeline.descriptions.descriptor import dataset_from_json, dataset_to_json
from pipeline.descriptions.package import OWN_PACKAGE, read_package
from pipeline.errors import InputError
from tests.support import examples
from tests.unit.packages import Json, dataset, resource

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
BOUND = st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str)


def field(type: str, constraints: dict[str, st.SearchStrategy[Any]], **properties: st.SearchStrategy[Any]) -> Any:
    rules = {"required": st.booleans(), "unique": st.booleans(), **constraints}
    general = {"title": TEXTS, "description": TEXTS, "missingValues": st.lists(TEXTS, unique=True, max_size=3)}
    return st.fixed_dictionaries(
        {"type": st.just(type)},
        optional={"constraints": st.fixed_dictionaries({}, optional=rules), **general, **properties},
    )


FIELDS = st.lists(
    st.one_of(
        field("string", {"minLength": st.integers(0, 99), "enum": st.lists(TEXTS, min_size=1)}),
        field("string", {"enum": st.lists(st.uuids().map(str), min_size=1)}, format=st.just("uuid")),
        field("number", {"minimum": BOUND}, groupChar=st.sampled_from(" '_"), bareNumber=st.booleans()),
        field("boolean", {"enum": st.just([True])}, trueValues=st.just(["ja"]), falseValues=st.just(["nein", "0"])),
        field("date", {"maximum": st.just("1/2/2020")}, format=st.just("%d/%m/%Y")).map(
            lambda made: made if made.get("format") else {**made, "constraints": {}, "pipeline:notInFuture": True}
        ),
        field("list", {"maxLength": st.integers(0, 9)}, delimiter=st.just(";"), itemType=st.just("integer")),
    ),
    min_size=1,
    max_size=4,
).map(lambda made: [{"name": f"Field {number}", **each} for number, each in enumerate(made)])

DIALECTS = st.fixed_dictionaries(
    {},
    optional={
        "delimiter": st.sampled_from([",", ";", "\t"]),
        "quoteChar": st.sampled_from(["'", "", None]),
        "escapeChar": st.just("\\"),
        "doubleQuote": st.booleans(),
        "skipInitialSpace": st.booleans(),
        "header": st.booleans(),
        "commentChar": st.just("#"),
    },
)


@examples(50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FIELDS, DIALECTS, st.sampled_from(["exact", "superset"]), st.booleans(), TEXTS)
def test_a_dataset_comes_back_as_it_was(
    tmp_path: Path, fields: list[Json], dialect: Json, match: str, is_keyed: bool, title: str
) -> None:
    key = {"fields": "Field 0", "reference": {"fields": "Field 0"}}
    schema: Json = {"fieldsMatch": match, **({"primaryKey": "Field 0", "foreignKeys": [key]} if is_keyed else {})}
    properties: Json = {"pipeline:sharedKeys": is_keyed, "encoding": "utf-16", "dialect": dialect, "title": title}
    read = dataset(tmp_path, *fields, name="Some things", schema=schema, **properties)
    text = dataset_to_json(read)
    assert dataset_from_json(text) == read
    assert dataset_to_json(dataset_from_json(text)) == text


def test_the_text_has_sorted_names_no_spaces_and_no_defaults(tmp_path: Path) -> None:
    read = dataset(tmp_path, {"name": "Größe", "constraints": {"required": True}})
    assert dataset_to_json(read) == (
        '{"name":"things","path":["things.csv"],"pipeline:table":"things","schema":{"fields":'
        '[{"constraints":{"required":true},"name":"Größe","pipeline:column":"größe","type":"string"}]'
        ',"fieldsMatch":"exact"}}'
    )


def test_the_own_datasets_come_back_as_they_were() -> None:
    for each in read_package(OWN_PACKAGE).datasets:
        assert dataset_from_json(dataset_to_json(each)) == each


def test_names_of_tables_and_columns_do_not_depend_on_how_they_were_made() -> None:
    read = replace(read_package(OWN_PACKAGE).datasets[0], table="cities")
    assert dataset_from_json(dataset_to_json(read)).table == "cities"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "load 7: deeper than 50 levels; flatten it"),
        (
            '{"name": "a"}',
            "load 7: 'path' is missing; add it;"
            " load 7: 'schema' is missing; let `pipeline describe` write it, or remove the resource",
        ),
        (
            json.dumps({**resource(), "schema": "schema.json"}),
            "load 7 /schema: 'schema.json' names a file that cannot be read here; write the object itself",
        ),
        (
            json.dumps({**resource(), "pipeline:table": 'x"; DROP TABLE loads; --'}),
            "load 7 /pipeline:table: 'x\"; DROP TABLE loads; --' is not in snake_case; write 'x_drop_table_loads'",
        ),
    ],
)
def test_a_text_from_the_ledger_is_trusted_no_more_than_a_file(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        dataset_from_json(text, "load 7")
    assert str(caught.value) == message
