"""Values that no two rows of a dataset have in common: one outcome in any order of delivery."""

from itertools import permutations
from typing import Any

import pytest

from pipeline.errors import SettingsError
from pipeline.forgetting import forget
from tests.conftest import Pipeline
from tests.integration.test_keyed import chunks, described, foreseen

CODE = {"name": "code", "type": "string", "constraints": {"unique": True}}
ID = {"name": "id", "type": "integer"}


def things(*fields: dict[str, Any], **schema: object) -> dict[str, Any]:
    return {"name": "things", "path": "things*.csv", "schema": {"fields": list(fields), **schema}}


BY_KEY = things(ID, CODE, primaryKey=["id"])
BY_POSITION = things(ID, CODE)
BOTH = pytest.mark.parametrize("resource", [BY_KEY, BY_POSITION], ids=["by_key", "by_position"])
HEADER = "id,code\n"


def table(pipeline: Pipeline) -> list[tuple[Any, ...]]:
    """Id, code, source and row number of each thing, in order."""
    return pipeline.rows(
        "SELECT things.id, code, sources.name, row_number FROM things JOIN sources ON sources.id = source_id ORDER BY 1"
    )


def reasons(pipeline: Pipeline) -> list[tuple[Any, ...]]:
    return [(row[0], row[1], row[3]) for row in pipeline.rejected()]


@BOTH
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_earliest_row_has_a_value_in_any_order(
    pipeline: Pipeline, resource: dict[str, Any], order: tuple[int, ...]
) -> None:
    described(pipeline, resource)
    pipeline.write(things=HEADER + "1,a\n2,b\n3,a\n4,\n5,\n6,b\n")
    pipeline.produce(chunk_rows=2)
    waiting = chunks(pipeline)
    for position in order:
        pipeline.loader.load_chunk(*waiting[position])
    pipeline.check_reconciliation()
    assert [row[:2] for row in table(pipeline)] == [(1, "a"), (2, "b"), (4, None), (5, None)]
    assert reasons(pipeline) == [
        ("things.csv", 3, "code 'a' is the same as in an earlier row, line 2"),
        ("things.csv", 6, "code 'b' is the same as in an earlier row, line 3"),
    ]
    assert pipeline.counts("things.csv") == {"inserted": 4, "updated": 0, "unchanged": 0, "rejected": 2, "deleted": 0}
    assert pipeline.rows("SELECT * FROM chunk_texts") == []
    assert pipeline.rows("SELECT DISTINCT kinds FROM rejected_rows") == [(["code is the same as in an earlier row"],)]


@pytest.mark.parametrize("order", ["0123", "3210", "1302", "2031", "1032", "2301"])  # each two, both ways round
def test_a_rejected_row_has_no_other_key_either(pipeline: Pipeline, order: str) -> None:
    described(pipeline, BY_KEY)
    pipeline.write(things=HEADER + "1,a\n2,a\n2,b\n3,b\n")
    pipeline.produce(chunk_rows=1)
    waiting = chunks(pipeline)
    for position in map(int, order):
        pipeline.loader.load_chunk(*waiting[position])
    pipeline.check_reconciliation()
    assert table(pipeline) == [(1, "a", "things.csv", 1), (2, "b", "things.csv", 3)]
    assert reasons(pipeline) == [
        ("things.csv", 2, "code 'a' is the same as in an earlier row, line 2"),
        ("things.csv", 4, "code 'b' is the same as in an earlier row, line 4"),
    ]


@BOTH
@pytest.mark.parametrize("chunk_rows", [1, 10])
def test_rows_swap_their_values(pipeline: Pipeline, resource: dict[str, Any], chunk_rows: int) -> None:
    described(pipeline, resource)
    pipeline.load(chunk_rows, things=HEADER + "1,a\n2,b\n3,c\n")
    pipeline.load(chunk_rows, things=HEADER + "1,b\n2,a\n3,c\n")
    assert [row[:2] for row in table(pipeline)] == [(1, "b"), (2, "a"), (3, "c")]
    assert pipeline.counts("things.csv") == {"inserted": 0, "updated": 2, "unchanged": 1, "rejected": 0, "deleted": 0}


@BOTH
def test_a_chunk_that_is_settled_again_keeps_its_count_of_deleted_rows(
    pipeline: Pipeline, resource: dict[str, Any]
) -> None:
    described(pipeline, resource)
    pipeline.load(**{"things-1": HEADER + "1,a\n", "things-2": HEADER + "2,a\n3,b\n4,c\n"})
    pipeline.load(**{"things-2": HEADER + "2,a\n3,b\n"})
    counts = {"inserted": 0, "updated": 0, "unchanged": 1, "rejected": 1, "deleted": 1}
    assert pipeline.counts("things-2.csv") == counts
    forget(pipeline.database, pipeline.queue, ["things-1.csv"])
    (pipeline.data / "things-1.csv").unlink()
    pipeline.load()
    assert pipeline.counts("things-2.csv") == {**counts, "inserted": 1, "rejected": 0}


@BOTH
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_the_earlier_row_is_named_by_its_line_where_each_line_is_a_row(
    pipeline: Pipeline, resource: dict[str, Any], order: tuple[int, ...]
) -> None:
    """Else by its number: the second chunk holds a row of two lines."""
    described(pipeline, resource)
    pipeline.write(things=HEADER + '1,a\n2,b\n3,"c\nc"\n4,d\n5,b\n6,d\n')
    pipeline.produce(chunk_rows=2)
    waiting = chunks(pipeline)
    for position in order:
        pipeline.loader.load_chunk(*waiting[position])
    assert [row[:4] for row in pipeline.rejected()] == [
        ("things.csv", 5, 7, "code 'b' is the same as in an earlier row, line 3"),
        ("things.csv", 6, 8, "code 'd' is the same as in an earlier row, row 4"),
    ]


@BOTH
@pytest.mark.parametrize("order", list(permutations(range(2))))
def test_a_value_belongs_to_the_file_sealed_first(
    pipeline: Pipeline, resource: dict[str, Any], order: tuple[int, ...]
) -> None:
    described(pipeline, resource)
    pipeline.write(**{"things-1": HEADER + "1,a\n", "things-2": HEADER + "2,a\n3,b\n"})
    pipeline.produce(chunk_rows=1000)
    waiting = chunks(pipeline)
    assert len(waiting) == 2
    for position in order:
        pipeline.loader.load_chunk(*waiting[position])
    pipeline.check_reconciliation()
    assert [row[:3] for row in table(pipeline)] == [(1, "a", "things-1.csv"), (3, "b", "things-2.csv")]
    assert reasons(pipeline) == [("things-2.csv", 1, "code 'a' is the same as in a row of things-1.csv, line 2")]


@BOTH
def test_a_rejected_row_is_loaded_when_the_value_is_free(pipeline: Pipeline, resource: dict[str, Any]) -> None:
    described(pipeline, resource)
    pipeline.load(**{"things-1": HEADER + "1,a\n2,b\n", "things-2": HEADER + "3,a\n4,b\n"})
    pipeline.load(**{"things-1": HEADER + "1,c\n2,b\n"})
    pipeline.load()
    assert [row[:3] for row in table(pipeline)] == [
        (1, "c", "things-1.csv"),
        (2, "b", "things-1.csv"),
        (3, "a", "things-2.csv"),
    ]
    forget(pipeline.database, pipeline.queue, ["things-1.csv"])
    (pipeline.data / "things-1.csv").unlink()
    pipeline.load()
    assert [row[:3] for row in table(pipeline)] == [(3, "a", "things-2.csv"), (4, "b", "things-2.csv")]
    assert not any(each.queued_chunks for each in pipeline.produce())


@BOTH
def test_a_source_that_is_forgotten_leaves_no_other_unsettled(pipeline: Pipeline, resource: dict[str, Any]) -> None:
    described(pipeline, resource)
    pipeline.write(**{"things-1": HEADER + "1,a\n", "things-2": HEADER + "2,a\n3,b\n"})
    pipeline.produce(chunk_rows=1000)
    pipeline.loader.load_chunk(*chunks(pipeline)[1])
    pipeline.queue.connection.flushdb()
    forget(pipeline.database, pipeline.queue, ["things-1.csv"])
    (pipeline.data / "things-1.csv").unlink()
    pipeline.load()
    assert [row[:2] for row in table(pipeline)] == [(2, "a"), (3, "b")]


@BOTH
def test_a_rule_is_added_if_the_rows_hold_it_and_may_go_again(pipeline: Pipeline, resource: dict[str, Any]) -> None:
    without = {**resource, "schema": {**resource["schema"], "fields": [ID, {"name": "code"}]}}
    described(pipeline, without)
    pipeline.load(things=HEADER + "1,a\n2,b\n3,b\n")
    with pytest.raises(SettingsError, match=r"2 rows would break the rule for field 'code', which is to be UNIQUE"):
        described(pipeline, resource)
    described(pipeline, without)
    pipeline.load(things=HEADER + "1,a\n2,b\n")
    described(pipeline, resource)
    pipeline.load(things=HEADER + "1,b\n2,a\n3,b\n")
    assert [row[:2] for row in table(pipeline)] == [(1, "b"), (2, "a")]
    described(pipeline, without)
    pipeline.load()
    assert [row[:2] for row in table(pipeline)] == [(1, "b"), (2, "a"), (3, "b")]


def test_unique_values_do_not_go_with_shared_keys(pipeline: Pipeline) -> None:
    described(pipeline, {**BY_KEY, "pipeline:sharedKeys": True})
    pipeline.write(things=HEADER + "1,a\n")
    with pytest.raises(SettingsError, match=r"unique \(code\) do not go with pipeline:sharedKeys; remove one"):
        pipeline.produce()


def test_unique_keys_of_several_fields_are_checked(pipeline: Pipeline) -> None:
    described(pipeline, things(ID, {"name": "code"}, uniqueKeys=[["id", "code"]]))
    pipeline.load(things=HEADER + "1,a\n1,b\n1,a\n1,\n1,\n")
    assert [row[:2] for row in table(pipeline)] == [(1, "a"), (1, "b"), (1, None), (1, None)]
    assert reasons(pipeline) == [("things.csv", 3, "id, code '1, a' is the same as in an earlier row, line 2")]


@BOTH
def test_a_dry_run_foresees_what_is_rejected(pipeline: Pipeline, resource: dict[str, Any]) -> None:
    described(pipeline, resource)
    files = {"things-1": HEADER + "1,a\n2,b\n", "things-2": HEADER + "3,a\n4,c\n5,c\n"}
    expected = {"things-1.csv": (2, 0, 0, 0, 0), "things-2.csv": (1, 0, 0, 2, 0)}
    pipeline.write(**files)
    assert foreseen(pipeline) == expected
    pipeline.load()
    assert {name: tuple(pipeline.counts(name).values()) for name in expected} == expected
    pipeline.write(**{"things-1": HEADER + "1,b\n2,a\n", "things-2": HEADER + "3,d\n"})
    expected = {"things-1.csv": (0, 2, 0, 0, 0), "things-2.csv": foreseen(pipeline)["things-2.csv"]}
    assert foreseen(pipeline)["things-1.csv"] == expected["things-1.csv"]
    pipeline.load()
    assert {name: tuple(pipeline.counts(name).values()) for name in expected} == expected


def test_columns_may_have_any_name_that_statements_use_themselves(pipeline: Pipeline) -> None:
    names = ["is_kept", "by_key", "row_count", "key", "comes_last", "by_source_id", "first_rows"]
    unique = [{"name": name, "constraints": {"unique": True}} for name in names]
    described(pipeline, things(*unique))
    pipeline.load(1, things=f"{','.join(names)}\n{','.join('abcdefg')}\n{','.join('bcdefgh')}\n,,,,,,g\n")
    pipeline.load(1, things=f"{','.join(names)}\n{','.join('bcdefgh')}\n{','.join('abcdefg')}\n,,,,,,g\n")
    assert pipeline.rows("SELECT row_number, key FROM things ORDER BY 1") == [(1, "e"), (2, "d")]
