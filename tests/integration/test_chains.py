"""Rows that wait for rows that wait for others."""

from typing import Any

import pytest

from tests.conftest import Pipeline
from tests.integration.test_keyed import described, foreseen


def linked(name: str, to: str | None, **more: object) -> dict[str, Any]:
    fields = [{"name": "id", "type": "integer"}, {"name": "to", "type": "integer"}]
    keys = [{"fields": "to", "reference": {"resource": to, "fields": "id"}}] if to else []
    schema = {"fields": fields, "primaryKey": "id", "foreignKeys": keys}
    return {"name": name, "path": f"{name}*.csv", "schema": schema, **more}


HEADER = "id,to\n"


@pytest.mark.parametrize("shared", [{}, {"pipeline:sharedKeys": True}], ids=["own", "shared"])
def test_the_last_missing_row_brings_all_that_wait_for_it_in_one_run(
    pipeline: Pipeline, shared: dict[str, Any]
) -> None:
    described(pipeline, linked("a", "b"), linked("b", "c", **shared), linked("c", "d"), linked("d", None))
    pipeline.load(1, a=HEADER + "1,1\n2,\n", b=HEADER + "1,1\n2,\n", c=HEADER + "1,1\n2,\n", d=HEADER + "9,\n")
    assert len(pipeline.rejected()) == 3
    pipeline.write(d=HEADER + "9,\n1,\n")
    assert {source: counts[3] for source, counts in foreseen(pipeline).items()} == dict.fromkeys(
        ("a.csv", "b.csv", "c.csv", "d.csv"), 0
    )
    pipeline.load(1)
    assert pipeline.rejected() == []
    assert pipeline.rows("SELECT id FROM a ORDER BY id") == [(1,), (2,)]
    pipeline.load()
    assert not any(each.queued_chunks for each in pipeline.produce())
