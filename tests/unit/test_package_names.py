"""Names of tables and columns."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import PROJECT
from pipeline.descriptions.naming import OWN_TABLES, column_fault, snake_case, table_fault
from tests.support import examples


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("world-cities", "world_cities"),
        ("amount $", "amount"),
        ("Größe (cm)", "größe_cm"),
        ("Площадь, м²", "площадь_м2"),
        ("हिन्दी", "हिन्दी"),
        ("decimalLatitude", "decimal_latitude"),
        ("deploymentID", "deployment_id"),
        ("HTTPServer2Port", "http_server2port"),
        ("GDP per capita", "gdp_per_capita"),
        ("__a__b__", "a_b"),
        ("Zoe\u0308", "zoë"),
        ("%", ""),
    ],
)
def test_names_become_snake_case(name: str, snake: str) -> None:
    assert snake_case(name) == snake


@examples(50)
@given(st.text(max_size=30))
def test_a_name_in_snake_case_stays_as_it_is(name: str) -> None:
    snake = snake_case(name)
    assert snake_case(snake) == snake
    assert not re.search(r"\s|__|^_|_$|[A-Z\"'$%()\\;-]", snake)


@pytest.mark.parametrize(
    ("column", "fault"),
    [
        ("city", None),
        ("ö" * 31, None),
        ("ö" * 32, "is longer than 63 bytes"),
        ("", "has no letter or digit"),
        ("1990s", "begins with a digit"),
        ("load_id", "is a column of the pipeline's own"),
        ("xmin", "is a column that each table of PostgreSQL has"),
    ],
)
def test_columns_that_a_table_cannot_have_are_told(column: str, fault: str | None) -> None:
    assert column_fault(column) == fault


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ("places", None),
        ("rejected_rows", "is a table of the pipeline's own"),
        ("datasets", "is a table of the pipeline's own"),
        ("place_listings", "is a table of the pipeline's own"),
        ("pg_tables", "begins as the tables of PostgreSQL's own do"),
        ("a" * 64, "is longer than 63 bytes"),
    ],
)
def test_tables_that_a_database_cannot_have_are_told(table: str, fault: str | None) -> None:
    assert table_fault(table) == fault


def test_a_table_with_listings_leaves_room_for_their_name() -> None:
    assert table_fault("a" * 54, with_listings=True) is None
    assert table_fault("a" * 55, with_listings=True) == "is longer than 54 bytes"


def test_the_page_on_descriptions_names_the_tables_of_the_pipeline() -> None:
    page = (PROJECT / "docs" / "datapackage.md").read_text(encoding="utf-8")
    assert {table for table in OWN_TABLES if f"`{table}`" not in page} == set()
