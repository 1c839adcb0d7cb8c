"""References to unique values of other datasets: as those to a primary key."""

from typing import Any

import pytest

from pipeline.errors import InUseError
from pipeline.forgetting import forget
from tests.conftest import ANY_VERSION, Pipeline
from tests.integration.test_keyed import described, foreseen
from tests.integration.test_unique_keys import BY_KEY, BY_POSITION, HEADER, table

USES = {
    "name": "uses",
    "path": "uses*.csv",
    "schema": {
        "fields": [{"name": "code"}],
        "foreignKeys": [{"fields": "code", "reference": {"resource": "things", "fields": "code"}}],
    },
}
BOTH = pytest.mark.parametrize("resource", [BY_KEY, BY_POSITION], ids=["by_key", "by_position"])


def uses(pipeline: Pipeline) -> list[tuple[Any, ...]]:
    return pipeline.rows("SELECT code FROM uses ORDER BY row_number")


@BOTH
def test_a_row_that_names_an_unknown_value_is_loaded_when_it_arrives(
    pipeline: Pipeline, resource: dict[str, Any]
) -> None:
    described(pipeline, resource, USES)
    pipeline.load(things=HEADER + "1,a\n", uses="code\na\nb\n")
    assert uses(pipeline) == [("a",)]
    assert [row[3] for row in pipeline.rejected()] == ["code 'b' is not in things"]
    pipeline.load(things=HEADER + "1,a\n2,b\n")
    assert uses(pipeline) == [("a",), ("b",)]


@BOTH
def test_values_that_rows_name_may_be_swapped(pipeline: Pipeline, resource: dict[str, Any]) -> None:
    described(pipeline, resource, USES)
    pipeline.load(1, things=HEADER + "1,a\n2,b\n", uses="code\na\nb\n")
    pipeline.load(1, things=HEADER + "1,b\n2,a\n")
    assert [row[:2] for row in table(pipeline)] == [(1, "b"), (2, "a")]
    assert uses(pipeline) == [("a",), ("b",)]


@BOTH
def test_a_row_whose_value_is_named_stays_until_nothing_names_it(pipeline: Pipeline, resource: dict[str, Any]) -> None:
    described(pipeline, resource, USES)
    pipeline.load(things=HEADER + "1,a\n2,b\n3,c\n", uses="code\nb\n")
    pipeline.write(things=HEADER + "3,c\n")
    expected = foreseen(pipeline)["things.csv"]
    pipeline.load()
    assert tuple(pipeline.counts("things.csv").values()) == expected
    assert [row[:2] for row in table(pipeline)] == [(2, "b"), (3, "c")]
    pipeline.load(uses="code\nc\n")
    pipeline.load()
    assert [row[:2] for row in table(pipeline)] == [(3, "c")]
    assert not any(each.queued_chunks for each in pipeline.produce())


@BOTH
def test_a_row_cannot_have_the_value_of_one_that_is_kept(pipeline: Pipeline, resource: dict[str, Any]) -> None:
    described(pipeline, resource, USES)
    pipeline.load(things=HEADER + "1,a\n2,b\n", uses="code\nb\n", **{"things-2": HEADER + "5,e\n"})
    pipeline.load(things=HEADER + "1,a\n", **{"things-2": HEADER + "5,b\n"})
    assert [row[:2] for row in table(pipeline)] == [(1, "a"), (5, "b")], "another row has the value now"
    pipeline.load(things=HEADER + "1,z\n", **{"things-2": HEADER + "6,e\n"})
    assert [row[:2] for row in table(pipeline)] == [(1, "z"), (5, "b"), (6, "e")]
    pipeline.load(things=HEADER + "1,z\n5,x\n7,y\n")
    held = [row[:2] for row in table(pipeline)]
    if resource is BY_KEY:
        assert held == [(1, "z"), (5, "b"), (6, "e"), (7, "y")]
        assert [row[3] for row in pipeline.rejected()] == ["id '5' is the key of a row of things-2.csv"]
    else:
        assert held == [(1, "z"), (5, "b"), (5, "x"), (6, "e"), (7, "y")]
    pipeline.load(uses="code\nz\n")
    pipeline.load()
    pipeline.load()
    assert [row[:2] for row in table(pipeline)] == [(1, "z"), (5, "x"), (6, "e"), (7, "y")]


@BOTH
def test_a_value_that_is_named_keeps_its_row_from_another_value(pipeline: Pipeline, resource: dict[str, Any]) -> None:
    described(pipeline, resource, USES)
    pipeline.limits = ANY_VERSION
    pipeline.load(things=HEADER + "1,a\n2,b\n", uses="code\na\n")
    pipeline.load(things=HEADER + "1,c\n2,b\n")
    if resource is BY_KEY:
        assert [row[:2] for row in table(pipeline)] == [(1, "a"), (2, "b")]
        assert [row[3] for row in pipeline.rejected()] == ["id '1' is that of a row which rows of others name"]
    else:
        assert [row[:2] for row in table(pipeline)] == [(1, "a"), (1, "c"), (2, "b")]
    pipeline.load(uses="code\nc\n")
    pipeline.load()
    pipeline.load()
    assert [row[:2] for row in table(pipeline)] == [(1, "c"), (2, "b")]
    assert uses(pipeline) == [("c",)]
    assert pipeline.rejected() == []


@BOTH
def test_a_source_whose_values_are_named_cannot_be_forgotten(pipeline: Pipeline, resource: dict[str, Any]) -> None:
    described(pipeline, resource, USES)
    pipeline.load(things=HEADER + "1,a\n", uses="code\na\n")
    with pytest.raises(InUseError, match=r"its things are named by 1 row of uses\.csv;"):
        forget(pipeline.database, pipeline.queue, ["things.csv"])
