"""From one description to the next: what is applied, what is refused, and what needs a look at the rows."""

from dataclasses import replace
from typing import Any

import pytest

from pipeline.descriptions.description import Constraints, Dataset, Field, Reference
from pipeline.tables.evolution import RETIRED_COMMENT, Change, Refusal, changes, with_retired
from pipeline.tables.table import Table
from pipeline.tables.tables import tables_of
from tests.described import column_type

CODE = Field("code", "code", constraints=Constraints(required=True, max_length=5))
PRICE = Field("price", "price", type="integer", constraints=Constraints(minimum="10"))
GOODS = Dataset("goods", "goods", ("goods.csv",), (CODE, PRICE), title="Goods")
KEYED = replace(GOODS, primary_key=("code",))


def tables(dataset: Dataset) -> tuple[Table, ...]:
    return tables_of(dataset, "public", {}, column_type)


def with_fields(*fields: Field) -> Dataset:
    return replace(GOODS, fields=fields)


def constrained(field: Field, **constraints: Any) -> Dataset:
    changed = replace(field, constraints=replace(field.constraints, **constraints))
    return with_fields(*(changed if each is field else each for each in (CODE, PRICE)))


ALTER = 'ALTER TABLE "public"."goods"'
APPLIED = {
    "nothing": (GOODS, []),
    "order of the fields": (with_fields(PRICE, CODE), []),
    "title": (replace(GOODS, title="Our goods"), ['COMMENT ON TABLE "public"."goods" IS \'Our goods\'']),
    "title of a field": (
        with_fields(CODE, replace(PRICE, title="Price")),
        ['COMMENT ON COLUMN "public"."goods"."price" IS \'Price\''],
    ),
    "new field": (with_fields(CODE, PRICE, Field("colour", "colour")), [f'{ALTER} ADD COLUMN "colour" text']),
    "field gone": (
        with_fields(PRICE),
        [
            f'{ALTER} DROP CONSTRAINT "goods_code_max_length"',
            f'{ALTER} ALTER COLUMN "code" DROP NOT NULL',
            f'COMMENT ON COLUMN "public"."goods"."code" IS \'{RETIRED_COMMENT}\'',
        ],
    ),
    "not required any more": (constrained(CODE, required=False), [f'{ALTER} ALTER COLUMN "code" DROP NOT NULL']),
    "rule gone": (constrained(CODE, max_length=None), [f'{ALTER} DROP CONSTRAINT "goods_code_max_length"']),
    "wider type": (
        with_fields(CODE, replace(PRICE, type="number", constraints=Constraints())),
        [f'{ALTER} DROP CONSTRAINT "goods_price_minimum"', f'{ALTER} ALTER COLUMN "price" TYPE numeric'],
    ),
}
LOOKED_AT = {
    "rule changed": (
        constrained(CODE, max_length=4),
        'SELECT count(*) FROM "public"."goods" WHERE NOT (char_length("code") <= 4)',
        "would break the rule for field 'code', which is to be CHECK (char_length(\"code\") <= 4)"
        ' and was CHECK (char_length("code") <= 5)',
    ),
    "required": (
        constrained(PRICE, required=True),
        'SELECT count(*) FROM "public"."goods" WHERE "price" IS NULL',
        "would break the rule for field 'price', which is to be NOT NULL",
    ),
    "unique": (
        constrained(PRICE, unique=True),
        'SELECT coalesce(sum(times), 0) FROM (SELECT count(*) AS times FROM "public"."goods"'
        ' WHERE "price" IS NOT NULL GROUP BY "price" HAVING count(*) > 1) AS repeated',
        "would break the rule for field 'price', which is to be UNIQUE (\"price\")",
    ),
    "reference": (
        replace(GOODS, references=(Reference(("price",), "goods", ("code",)),)),
        'SELECT count(*) FROM "public"."goods" AS referring WHERE NOT EXISTS (SELECT FROM "public"."goods" AS referred'
        ' WHERE referred."code" = referring."price") AND referring."price" IS NOT NULL',
        "would break the rule for field 'price', which is to be"
        ' FOREIGN KEY ("price") REFERENCES "public"."goods" ("code") DEFERRABLE INITIALLY DEFERRED',
    ),
}
REFUSED = {
    "another table": (replace(GOODS, table="wares"), "its table is public.goods and is to be public.wares"),
    "new required field": (
        with_fields(CODE, PRICE, Field("colour", "colour", constraints=Constraints(required=True))),
        "field 'colour' is new and required, and the rows that are there have no value of it",
    ),
    "another type": (
        with_fields(CODE, replace(PRICE, type="boolean")),
        "field 'price' was bigint and is to be boolean",
    ),
    "number to text": (
        with_fields(CODE, replace(PRICE, type="string")),
        "field 'price' was bigint and is to be text",
    ),
    "key": (KEYED, "its rows were known by their position and are to be known by the key (code)"),
    "shared key": (
        replace(KEYED, shared_keys=True),
        "its rows were known by their position and are to be known by the key (code) that sources share",
    ),
}


@pytest.mark.parametrize(("dataset", "statements"), APPLIED.values(), ids=APPLIED)
def test_what_no_row_can_stand_against_is_applied(dataset: Dataset, statements: list[str]) -> None:
    found = changes(tables(GOODS), tables(dataset))
    assert [change.statement for change in found if isinstance(change, Change)] == statements
    assert all(isinstance(change, Change) and change.count_against is None for change in found)


@pytest.mark.parametrize(("dataset", "query", "objection"), LOOKED_AT.values(), ids=LOOKED_AT)
def test_a_rule_is_added_if_no_row_stands_against_it(dataset: Dataset, query: str, objection: str) -> None:
    found = changes(tables(GOODS), tables(dataset))
    assert isinstance(found[-1], Change)
    assert (found[-1].count_against, found[-1].objection) == (query, objection)


@pytest.mark.parametrize(("dataset", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_would_lose_or_reinterpret_values_is_refused(dataset: Dataset, reason: str) -> None:
    assert [each for each in changes(tables(GOODS), tables(dataset)) if isinstance(each, Refusal)] == [Refusal(reason)]


def test_the_column_of_a_field_that_is_gone_stays_and_is_used_again_when_the_field_is_back() -> None:
    without = with_retired(tables(GOODS), tables(with_fields(PRICE)))
    assert [(column.name, column.not_null) for column in without[0].retired] == [("code", False)]
    assert changes(without, tables(with_fields(PRICE))) == []
    assert with_retired(without, tables(with_fields(PRICE))) == without

    back = changes(without, tables(GOODS))
    assert [each.statement for each in back if isinstance(each, Change)] == [
        f'{ALTER} ALTER COLUMN "code" SET NOT NULL',
        f'{ALTER} ADD CONSTRAINT "goods_code_max_length" CHECK (char_length("code") <= 5)',
        'COMMENT ON COLUMN "public"."goods"."code" IS NULL',
    ]
    assert with_retired(without, tables(GOODS)) == tables(GOODS)
    as_date = changes(without, tables(with_fields(PRICE, replace(CODE, type="date", constraints=Constraints()))))
    assert as_date[0] == Refusal("field 'code' was text and is to be date")


def test_another_key_is_refused() -> None:
    both = replace(KEYED, primary_key=("code", "price"))
    assert changes(tables(KEYED), tables(both)) == [
        Refusal("its rows were known by the key (code) and are to be known by the key (code, price)")
    ]
