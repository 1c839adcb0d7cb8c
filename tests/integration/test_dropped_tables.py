"""The files of a dropped table are loaded again."""

import pytest

from tests.conftest import Pipeline
from tests.integration.test_keyed import described
from tests.integration.test_removed_fields import ITEM, PRICE, items, table

TEXT = "item,price\napple,10\npear,x\n"


def test_the_files_of_a_dropped_table_are_loaded_again(pipeline: Pipeline, caplog: pytest.LogCaptureFixture) -> None:
    described(pipeline, items(ITEM, PRICE))
    pipeline.load(items=TEXT)
    with pipeline.database.transaction() as tx:
        tx.run("DROP TABLE items")
    described(pipeline, items(ITEM, PRICE))
    assert "table items was dropped; it is made again, and the next run loads its files again: items.csv" in caplog.text
    assert pipeline.rejected() == []
    pipeline.load(items=TEXT)
    assert table(pipeline) == [("apple", 10)]
    assert pipeline.counts("items.csv") == {"inserted": 1, "updated": 0, "unchanged": 0, "rejected": 1, "deleted": 0}
    assert [row[1] for row in pipeline.rejected()] == [2]
