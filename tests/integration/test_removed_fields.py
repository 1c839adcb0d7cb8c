"""Fields that a description no longer has: a row of today never stands next to a value of another row."""

from typing import Any

import pytest

from tests.conftest import Pipeline
from tests.integration.test_keyed import described

ITEM, PRICE = {"name": "item", "type": "string"}, {"name": "price", "type": "integer"}


def items(*fields: dict[str, Any], **schema: object) -> dict[str, Any]:
    return {"name": "items", "path": "items.csv", "schema": {"fields": list(fields), **schema}}


def table(pipeline: Pipeline) -> list[tuple[Any, ...]]:
    return pipeline.rows("SELECT item, price FROM items ORDER BY item")


@pytest.mark.parametrize("earlier", [(), ((ITEM,), (ITEM, PRICE))], ids=["", "removed before"])
def test_a_row_that_is_replaced_loses_the_values_of_removed_fields(
    pipeline: Pipeline, earlier: tuple[tuple[dict[str, Any], ...], ...]
) -> None:
    for fields in earlier:  # the worker remembers both descriptions
        described(pipeline, items(*fields))
        pipeline.load(items=",".join(field["name"] for field in fields) + "\n" + "1,1\n"[: 2 * len(fields) - 1] + "\n")
    described(pipeline, items(ITEM, PRICE))
    pipeline.load(items="item,price\napple,10\npear,20\n")
    described(pipeline, items(ITEM))
    pipeline.load(items="item\napple\nyak\nzebra\n")
    assert table(pipeline) == [("apple", 10), ("yak", None), ("zebra", None)]
    assert pipeline.counts("items.csv") == {"inserted": 1, "updated": 1, "unchanged": 1, "rejected": 0, "deleted": 0}


def test_a_row_with_a_key_keeps_them(pipeline: Pipeline) -> None:
    described(pipeline, items(ITEM, PRICE, primaryKey="item"))
    pipeline.load(items="item,price\napple,10\npear,20\n")
    described(pipeline, items(ITEM, primaryKey="item"))
    pipeline.load(items="item\nzebra\npear\n")
    assert table(pipeline) == [("pear", 20), ("zebra", None)]
