"""From descriptions to tables: exact SQL."""

from dataclasses import replace

import pytest

from pipeline.descriptions.description import Constraints, Dataset, Field, Reference
from pipeline.errors import SettingsError
from pipeline.tables import ddl
from pipeline.tables.constraint_names import ConstraintNames
from pipeline.tables.table import Table
from pipeline.tables.tables import Home, tables_of
from tests.described import PEOPLE, PLACES, column_type

SHOPS = Dataset(
    "shops",
    "shops",
    ("shops.csv",),
    (
        Field("country", "country", constraints=Constraints(required=True)),
        Field("number", "number", type="integer"),
        Field(
            "name",
            "name",
            title="Name",
            description="Over the door, 100 % 'real'.",
            constraints=Constraints(unique=True),
        ),
        Field("head office", "head_office", type="integer"),
    ),
    primary_key=("country", "number"),
    unique_keys=(("name", "country"),),
    references=(Reference(("country", "head office"), "shops", ("country", "number")),),
    title="Shops",
)


def sql(dataset: Dataset, **options: bool) -> str:
    homes = {"places": Home("public", "places", {"city": "city"})}
    tables = tables_of(dataset, "public", homes, column_type, **options)
    return ";\n".join(statement for table in tables for statement in ddl.creation(table))


def test_a_dataset_without_a_key_is_known_by_position() -> None:
    assert sql(PEOPLE).split(";\n")[0] == (
        'CREATE TABLE "public"."people" (\n'
        '    "source_id" integer NOT NULL,\n'
        '    "row_number" bigint NOT NULL,\n'
        '    "given_name" text NOT NULL,\n'
        '    "family_name" text NOT NULL,\n'
        '    "date_of_birth" date NOT NULL,\n'
        '    "place_id" integer NOT NULL,\n'
        '    CONSTRAINT "people_pkey" PRIMARY KEY ("source_id", "row_number"),\n'
        '    CONSTRAINT "people_row_number_positive" CHECK ("row_number" >= 1),\n'
        '    CONSTRAINT "people_given_name_min_length" CHECK (char_length("given_name") >= 1),\n'
        '    CONSTRAINT "people_given_name_max_length" CHECK (char_length("given_name") <= 200),\n'
        '    CONSTRAINT "people_family_name_min_length" CHECK (char_length("family_name") >= 1),\n'
        '    CONSTRAINT "people_family_name_max_length" CHECK (char_length("family_name") <= 200),\n'
        '    CONSTRAINT "people_date_of_birth_minimum" CHECK ("date_of_birth" >= date \'0001-01-01\'),\n'
        '    CONSTRAINT "people_place_id_fkey" FOREIGN KEY ("place_id") REFERENCES "public"."places" ("id")\n'
        ")"
    )


def test_a_dataset_with_a_key_has_it_as_primary_key_and_says_what_its_load_made_of_a_row() -> None:
    create, index, *rest = sql(SHOPS).split(";\n")
    assert create == (
        'CREATE TABLE "public"."shops" (\n'
        '    "country" text NOT NULL,\n'
        '    "number" bigint NOT NULL,\n'
        '    "name" text,\n'
        '    "head_office" bigint,\n'
        '    "source_id" integer NOT NULL,\n'
        '    "row_number" bigint NOT NULL,\n'
        '    "load_id" bigint NOT NULL,\n'
        '    "outcome" "char" NOT NULL,\n'
        '    CONSTRAINT "shops_pkey" PRIMARY KEY ("country", "number"),\n'
        '    CONSTRAINT "shops_row_number_positive" CHECK ("row_number" >= 1),\n'
        "    CONSTRAINT \"shops_outcome_known\" CHECK (\"outcome\" IN ('i', 'u', '=')),\n"
        '    CONSTRAINT "shops_name_key" UNIQUE ("name"),\n'
        '    CONSTRAINT "shops_name_country_key" UNIQUE ("name", "country"),\n'
        '    CONSTRAINT "shops_country_head_office_fkey" FOREIGN KEY ("country", "head_office")'
        ' REFERENCES "public"."shops" ("country", "number") DEFERRABLE INITIALLY DEFERRED\n'
        ")"
    )
    assert index == 'CREATE INDEX "shops_source_id_idx" ON "public"."shops" ("source_id")'
    assert 'COMMENT ON TABLE "public"."shops" IS \'Shops\'' in rest
    assert "COMMENT ON COLUMN \"public\".\"shops\".\"name\" IS 'Name: Over the door, 100 % ''real''.'" in rest


def test_a_dataset_whose_keys_are_shared_has_what_each_source_says_and_what_applies() -> None:
    listings, decided = tables_of(replace(SHOPS, shared_keys=True, references=()), "public", {}, column_type)
    assert (listings.name, listings.primary_key) == ("shops_listings", ("country", "number", "source_id"))
    assert listings.uniques == ()  # two sources may list the same shop
    assert [column.name for column in decided.columns] == ["country", "number", "name", "head_office", "listed_by_load"]
    assert (decided.name, decided.primary_key) == ("shops", ("country", "number"))
    assert [unique.columns for unique in decided.uniques] == [("name",), ("name", "country")]


def test_of_a_dataset_with_a_table_of_its_own_only_the_listings_are_made() -> None:
    assert [table.name for table in tables_of(PLACES, "public", {}, column_type)] == ["places_listings"]


def test_the_producer_and_the_worker_cannot_change_what_a_row_is_known_by() -> None:
    listings, decided = tables_of(replace(SHOPS, shared_keys=True, references=()), "public", {}, column_type)
    roles = ("pipeline_producer", "pipeline_worker", "pipeline_exporter")
    assert ddl.rights(listings, roles) == [
        'GRANT SELECT, DELETE ON "public"."shops_listings" TO "pipeline_producer"',
        'GRANT SELECT, INSERT, DELETE, UPDATE ("name", "head_office", "row_number", "load_id", "outcome")'
        ' ON "public"."shops_listings" TO "pipeline_worker"',
        'GRANT SELECT ON "public"."shops_listings" TO "pipeline_exporter"',
    ]
    assert ddl.rights(decided, roles[:1]) == [
        'GRANT SELECT, INSERT, DELETE, UPDATE ("name", "head_office", "listed_by_load")'
        ' ON "public"."shops" TO "pipeline_producer"'
    ]


def test_names_and_descriptions_are_quoted() -> None:
    field = Field('"; DROP', '"; DROP', title="'; DROP", description="\\'; DROP\0")
    text = sql(Dataset("x", 'x"', ("x.csv",), (field,)))
    assert '\n    """; DROP" text,\n' in text
    assert text.endswith(
        'COMMENT ON COLUMN "public"."x"""."""; DROP" IS E\'\'\'; DROP: \\\\\'\'; DROP\N{REPLACEMENT CHARACTER}\''
    )


def test_long_names_of_constraints_are_shortened_the_same_way_every_time() -> None:
    names = ConstraintNames("t" * 40)
    assert names.name("c" * 40, "minimum") == f"{'t' * 40}_{'c' * 13}_3a560f09"
    assert names.name("c" * 40, "maximum") == f"{'t' * 40}_{'c' * 13}_cc3c4250"
    assert len(ConstraintNames("ü" * 30).name("ß" * 30, "minimum").encode()) <= 63


def test_constraints_of_one_table_have_different_names() -> None:
    names = ConstraintNames("t")
    assert names.name("a_b", "minimum") == "t_a_b_minimum"
    assert names.name("a", "b_minimum") != "t_a_b_minimum"


@pytest.mark.parametrize("column", ["row_number", "ctid"])
def test_a_field_whose_column_the_table_has_already_is_refused(column: str) -> None:
    with pytest.raises(SettingsError, match=f"dataset 'x': field 'Number' would be the column {column}"):
        sql(Dataset("x", "x", ("x.csv",), (Field("Number", column),)))


@pytest.mark.parametrize("dataset", [PEOPLE, SHOPS, replace(SHOPS, shared_keys=True)])
def test_a_table_is_the_same_after_it_was_recorded(dataset: Dataset) -> None:
    homes = {"places": Home("public", "places", {"city": "city"})}
    tables = tables_of(dataset, "public", homes, column_type)
    assert tuple(Table.from_json(table.to_json()) for table in tables) == tables
