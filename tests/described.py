"""The project's own datasets as values, and types of their columns, for tests of what is made from descriptions."""

from dataclasses import dataclass

from pipeline.descriptions.description import Constraints, Dataset, Field, Reference
from pipeline.postgres.quoting import quote_identifier, quote_literal

REQUIRED = Constraints(required=True)
NAME = Constraints(required=True, min_length=1, max_length=200)
DAY = Constraints(required=True, minimum="0001-01-01")
PLACES = Dataset(
    "places",
    "places",
    ("places.csv",),
    (
        Field("city", "city", constraints=NAME),
        Field("county", "county", constraints=NAME),
        Field("country", "country", constraints=NAME),
    ),
    primary_key=("city",),
    shared_keys=True,
    sql_sha256="0" * 64,  # of what fills places, counties and countries
)
PEOPLE = Dataset(
    "people",
    "people",
    ("people.csv",),
    (
        Field("given_name", "given_name", constraints=NAME),
        Field("family_name", "family_name", constraints=NAME),
        Field("date_of_birth", "date_of_birth", type="date", constraints=DAY),
        Field("place_of_birth", "place_of_birth", constraints=REQUIRED),
    ),
    references=(Reference(("place_of_birth",), "places", ("city",), id_column="place_id"),),
    description="One row for each good row of each people file: a person is the row that records them.",
)
TYPES = {"date": "date", "integer": "bigint", "number": "numeric", "boolean": "boolean", "string": "text"}


@dataclass(frozen=True)
class SimpleType:
    postgresql_type: str
    rules: tuple[tuple[str, str], ...]

    def checks(self) -> list[tuple[str, str]]:
        return list(self.rules)


def column_type(field: Field) -> SimpleType:
    """A few types and rules; see columns.py for all of them."""
    constraints, column, type_name = field.constraints, quote_identifier(field.column), TYPES[field.type]
    rules = (
        ("min_length", f"char_length({column}) >= ", constraints.min_length),
        ("max_length", f"char_length({column}) <= ", constraints.max_length),
        ("minimum", f"{column} >= {type_name} ", constraints.minimum and quote_literal(constraints.minimum)),
        ("pattern", f"{column} ~ ", constraints.pattern and quote_literal(constraints.pattern)),
    )
    return SimpleType(type_name, tuple((name, f"{rule}{value}") for name, rule, value in rules if value is not None))
