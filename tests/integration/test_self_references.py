"""Rows that name rows of their own dataset, wherever those stand."""

from itertools import permutations
from typing import Any

import pytest

from pipeline.errors import InUseError
from pipeline.forgetting import forget
from tests.conftest import ANY_VERSION, Pipeline
from tests.integration.test_keyed import chunks, described, foreseen

ID, PARENT = {"name": "id", "type": "integer"}, {"name": "parent", "type": "integer"}
OWN = {"fields": "parent", "reference": {"resource": "", "fields": "id"}}


def parts(**schema: object) -> dict[str, Any]:
    return {"name": "parts", "path": "parts*.csv", "schema": {"fields": [ID, PARENT], "foreignKeys": [OWN], **schema}}


BY_KEY, BY_POSITION = parts(primaryKey="id"), parts(uniqueKeys=[["id"]])
BOTH = pytest.mark.parametrize("resource", [BY_KEY, BY_POSITION], ids=["by_key", "by_position"])
HEADER = "id,parent\n"


def table(pipeline: Pipeline) -> list[tuple[Any, ...]]:
    return pipeline.rows("SELECT id, parent FROM parts ORDER BY id")


def reasons(pipeline: Pipeline) -> list[tuple[Any, ...]]:
    return [(row[1], row[3]) for row in pipeline.rejected()]


@BOTH
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_row_may_name_one_that_stands_anywhere(
    pipeline: Pipeline, resource: dict[str, Any], order: tuple[int, ...]
) -> None:
    described(pipeline, resource)
    pipeline.write(**{"parts-1": HEADER + "1,2\n2,3\n9,9\n7,8\n", "parts-2": HEADER + "3,\n8,7\n4,5\n5,6\n"})
    pipeline.produce(chunk_rows=2)
    waiting = chunks(pipeline)
    for position in (*order, *range(3, len(waiting))):
        pipeline.loader.load_chunk(*waiting[position])
    pipeline.check_reconciliation()
    assert table(pipeline) == [(1, 2), (2, 3), (3, None), (7, 8), (8, 7), (9, 9)]
    assert reasons(pipeline) == [(3, "parent '5' is not in parts"), (4, "parent '6' is not in parts")]


@BOTH
def test_a_dry_run_counts_rows_that_are_loaded_as_unchanged(pipeline: Pipeline, resource: dict[str, Any]) -> None:
    described(pipeline, resource)
    pipeline.load(**{"parts-1": HEADER + "1,\n2,1\n3,9\n"})
    assert foreseen(pipeline) == {"parts-1.csv": (0, 0, 2, 1, 0)}
    pipeline.write(**{"parts-2": HEADER + "9,\n"})
    assert foreseen(pipeline) == {"parts-1.csv": (1, 0, 2, 0, 0), "parts-2.csv": (1, 0, 0, 0, 0)}


@BOTH
def test_a_chain_is_loaded_at_once_when_its_last_row_arrives(pipeline: Pipeline, resource: dict[str, Any]) -> None:
    described(pipeline, resource)
    chain = "".join(f"{number},{number + 1}\n" for number in range(1, 10))
    pipeline.load(2, **{"parts-1": HEADER + chain})
    assert table(pipeline) == []
    pipeline.write(**{"parts-2": HEADER + "10,\n"})
    expected = foreseen(pipeline)
    pipeline.load(2)
    assert len(table(pipeline)) == 10
    assert pipeline.rejected() == []
    assert expected["parts-1.csv"] == (9, 0, 0, 0, 0)
    assert expected["parts-2.csv"] == (1, 0, 0, 0, 0)
    pipeline.load()
    assert not any(each.queued_chunks for each in pipeline.produce())


@BOTH
def test_rejected_rows_of_two_files_are_not_loaded_again_and_again(
    pipeline: Pipeline, resource: dict[str, Any]
) -> None:
    described(pipeline, resource)
    pipeline.load(**{"parts-1": HEADER + "1,7\n2,\n", "parts-2": HEADER + "3,8\n4,\n"})
    pipeline.load()
    assert not any(each.queued_chunks for each in pipeline.produce())


@BOTH
def test_a_row_that_is_named_stays_and_a_whole_tree_goes(pipeline: Pipeline, resource: dict[str, Any]) -> None:
    described(pipeline, resource)
    pipeline.limits = ANY_VERSION
    pipeline.load(1, parts=HEADER + "1,\n2,1\n3,2\n4,\n5,6\n6,5\n")
    pipeline.load(1, parts=HEADER + "3,2\n4,\n")
    assert table(pipeline) == [(1, None), (2, 1), (3, 2), (4, None)]
    pipeline.load()
    assert table(pipeline) == [(1, None), (2, 1), (3, 2), (4, None)]
    assert not any(each.queued_chunks for each in pipeline.produce())
    pipeline.load(1, parts=HEADER + "4,\n")
    assert table(pipeline) == [(4, None)]


@BOTH
def test_sources_whose_rows_name_each_other_are_forgotten_together(
    pipeline: Pipeline, resource: dict[str, Any]
) -> None:
    described(pipeline, resource)
    pipeline.load(**{"parts-1": HEADER + "1,2\n", "parts-2": HEADER + "2,1\n"})
    with pytest.raises(InUseError, match=r"its parts are named by 1 row of parts-2\.csv;"):
        forget(pipeline.database, pipeline.queue, ["parts-1.csv"])
    forget(pipeline.database, pipeline.queue, ["parts-1.csv", "parts-2.csv"])
    assert table(pipeline) == []


def test_a_row_that_clashes_is_no_row_to_name(pipeline: Pipeline) -> None:
    code = {"name": "code", "constraints": {"unique": True}}
    resource = parts(primaryKey="id")
    resource["schema"] |= {"fields": [ID, PARENT, code]}
    described(pipeline, resource)
    pipeline.load(1, parts="id,parent,code\n1,,a\n2,,a\n3,2,b\n4,3,c\n3,,d\n")
    assert table(pipeline) == [(1, None)]
    assert reasons(pipeline) == [
        (2, "code 'a' is the same as in an earlier row, line 2"),
        (3, "parent '2' is not in parts"),
        (4, "parent '3' is not in parts"),
        (5, "id '3' is the key of an earlier row"),
    ]
