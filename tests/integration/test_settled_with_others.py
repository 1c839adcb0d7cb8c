"""Datasets that are settled as a whole, next to datasets that their rows name, or whose rows name theirs."""

from typing import Any

import pytest

from exporter.drain import drain
from pipeline.errors import OutOfOrderError, PipelineError
from pipeline.forgetting import forget
from pipeline.ledger import ledger
from pipeline.status.lines import lines
from pipeline.status.status import StatusReader
from producer.produce import produce
from producer.sources import find_sources
from tests.conftest import ANY_VERSION, Pipeline
from tests.integration.test_keyed import chunks, described, foreseen
from tests.integration.test_unique_keys import BY_KEY, BY_POSITION, HEADER, table, things
from tests.integration.test_unique_references import BOTH, USES, uses

COLOURS = {
    "name": "colours",
    "path": "colours*.csv",
    "schema": {"fields": [{"name": "colour"}], "primaryKey": "colour"},
}
NAMING = [{"fields": "colour", "reference": {"resource": "colours", "fields": "colour"}}]
ID, CODE, COLOUR = (
    {"name": "id", "type": "integer"},
    {"name": "code", "constraints": {"unique": True}},
    {"name": "colour"},
)
PLAIN = things(CODE, primaryKey="code")
COLOURED = pytest.mark.parametrize(
    "resource",
    [things(ID, CODE, COLOUR, primaryKey="id", foreignKeys=NAMING), things(ID, CODE, COLOUR, foreignKeys=NAMING)],
    ids=["by_key", "by_position"],
)


@COLOURED
@pytest.mark.parametrize("is_forgotten", [True, False], ids=["forgotten", "gone"])
def test_rows_that_wait_name_no_row_that_is_gone_by_then(
    pipeline: Pipeline, resource: dict[str, Any], *, is_forgotten: bool
) -> None:
    described(pipeline, COLOURS, resource)
    pipeline.limits = ANY_VERSION
    pipeline.load(colours="colour\nred\n", **{"colours-2": "colour\nblue\n"})
    pipeline.write(things="id,code,colour\n1,a,red\n2,b,blue\n3,c,red\n")
    pipeline.produce(chunk_rows=2)
    pipeline.loader.load_chunk(*chunks(pipeline)[0])
    pipeline.queue.connection.flushdb()
    if is_forgotten:
        forget(pipeline.database, pipeline.queue, ["colours-2.csv"])
        (pipeline.data / "colours-2.csv").unlink()
    else:
        pipeline.write(**{"colours-2": "colour\n"})
    pipeline.load(2)
    assert [row[:2] for row in table(pipeline)] == [(1, "a"), (3, "c")]
    assert [row[3] for row in pipeline.rejected()] == ["colour 'blue' is not in colours"]
    pipeline.check_reconciliation()
    pipeline.load(**{"colours-3": "colour\nblue\n"})
    assert [row[:2] for row in table(pipeline)] == [(1, "a"), (2, "b"), (3, "c")]
    assert pipeline.rejected() == []


@pytest.mark.parametrize("resource", [PLAIN, BY_KEY, BY_POSITION], ids=["plain", "by_key", "by_position"])
@pytest.mark.parametrize("first", [0, 1, 2])
def test_rows_wait_for_each_file_without_which_what_they_name_cannot_go(
    pipeline: Pipeline, resource: dict[str, Any], first: int
) -> None:
    header, row = ("code\n", "{1}\n") if resource is PLAIN else (HEADER, "{0},{1}\n")
    described(pipeline, resource, USES)
    pipeline.limits = ANY_VERSION
    pipeline.load(**{"things-1": header + row.format(1, "a") + row.format(2, "b")})
    pipeline.write(
        **{"things-1": header + row.format(1, "a"), "things-2": header + row.format(3, "c")}, uses="code\na\nb\n"
    )
    pipeline.produce()
    waiting = chunks(pipeline)
    waiting.insert(first, waiting.pop())
    while waiting:
        chunk = waiting.pop(0)
        try:
            pipeline.loader.load_chunk(*chunk)
        except OutOfOrderError:
            waiting.append(chunk)
    assert uses(pipeline) == [("a",)]
    assert pipeline.rows("SELECT code FROM things ORDER BY 1") == [("a",), ("c",)]


@BOTH
def test_a_preview_foresees_which_values_go_that_rows_name(pipeline: Pipeline, resource: dict[str, Any]) -> None:
    described(pipeline, resource, USES)
    pipeline.limits = ANY_VERSION
    pipeline.load(things=HEADER + "1,a\n2,b\n3,c\n")
    pipeline.write(things=HEADER + "1,a\n2,c\n", uses="code\na\nb\nc\n")
    expected = foreseen(pipeline)
    assert expected["uses.csv"] == (2, 0, 0, 1, 0)
    pipeline.load()
    assert {source: tuple(pipeline.counts(source).values()) for source in expected} == expected


@BOTH
def test_a_preview_foresees_that_a_row_goes_that_was_kept_for_others(
    pipeline: Pipeline, resource: dict[str, Any]
) -> None:
    described(pipeline, resource, USES)
    pipeline.limits = ANY_VERSION
    pipeline.load(1, things=HEADER + "1,a\n2,b\n", uses="code\nb\n")
    pipeline.load(1, things=HEADER + "1,a\n", uses="code\nb\n")
    pipeline.load(1, uses="code\na\n")
    assert [row[:2] for row in table(pipeline)] == [(1, "a"), (2, "b")]
    pipeline.write(**{"things-2": HEADER + "2,b\n"})
    expected = foreseen(pipeline, chunk_rows=1)
    pipeline.load(1)
    for source in ("things.csv", "things-2.csv"):
        assert tuple(pipeline.counts(source).values()) == expected[source]
    assert [row[:3] for row in table(pipeline)] == [(1, "a", "things.csv"), (2, "b", "things-2.csv")]


@BOTH
def test_a_preview_counts_rows_that_wait_for_others(pipeline: Pipeline, resource: dict[str, Any]) -> None:
    described(pipeline, resource)
    pipeline.write(**{"things-1": HEADER + "1,a\n", "things-2": HEADER + "2,a\n3,c\n"})
    pipeline.produce()
    pipeline.loader.load_chunk(*chunks(pipeline)[0])
    pipeline.queue.connection.flushdb()
    expected = foreseen(pipeline)
    assert expected == {"things-1.csv": (1, 0, 0, 0, 0), "things-2.csv": (1, 0, 0, 1, 0)}
    pipeline.load()
    assert {source: tuple(pipeline.counts(source).values()) for source in expected} == expected


@BOTH
def test_a_preview_leaves_its_value_to_a_row_that_is_kept_for_others(
    pipeline: Pipeline, resource: dict[str, Any]
) -> None:
    described(pipeline, resource, USES)
    pipeline.limits = ANY_VERSION
    pipeline.load(1, things=HEADER + "1,a\n2,b\n", uses="code\nb\n")
    pipeline.load(1, things=HEADER + "1,a\n")
    pipeline.write(**{"things-2": HEADER + "9,b\n"})
    expected = foreseen(pipeline, chunk_rows=1)
    pipeline.load(1)
    assert expected["things-2.csv"] == tuple(pipeline.counts("things-2.csv").values()) == (0, 0, 0, 1, 0)
    assert [row[:2] for row in table(pipeline)] == [(1, "a"), (2, "b")]


def produce_alone(pipeline: Pipeline, name: str) -> None:
    """As `producer FILE` does."""
    [source] = find_sources(pipeline.data, (pipeline.data / name,))
    produce([source], pipeline.database, pipeline.queue, chunk_rows=2, queue_limit=9, limits=ANY_VERSION)


@COLOURED
def test_a_row_that_waits_names_a_row_that_came_without_its_own_file(
    pipeline: Pipeline, resource: dict[str, Any]
) -> None:
    described(pipeline, COLOURS, resource)
    pipeline.load(colours="colour\nred\n")
    pipeline.write(things="id,code,colour\n1,a,blue\n2,b,red\n3,c,red\n")
    pipeline.produce(chunk_rows=2)
    first, last = chunks(pipeline)
    pipeline.queue.connection.flushdb()
    pipeline.loader.load_chunk(*first)
    assert [row[3] for row in pipeline.rejected()] == ["colour 'blue' is not in colours"]
    pipeline.write(**{"colours-2": "colour\nblue\n"})
    produce_alone(pipeline, "colours-2.csv")
    pipeline.take_and_load()
    pipeline.loader.load_chunk(*last)
    assert [row[:2] for row in table(pipeline)] == [(1, "a"), (2, "b"), (3, "c")]
    assert pipeline.rejected() == []
    pipeline.check_reconciliation()
    assert not any(each.queued_chunks for each in pipeline.produce(2))


@BOTH
def test_a_missing_chunk_is_named_with_the_files_that_wait_for_it(
    pipeline: Pipeline, resource: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    described(pipeline, resource)
    pipeline.write(**{"things-1": HEADER + "1,a\n", "things-2": HEADER + "2,b\n3,c\n4,d\nnone,e\n"})
    pipeline.produce(chunk_rows=2)
    for chunk in sorted(chunks(pipeline))[1:]:
        pipeline.loader.load_chunk(*chunk)
    pipeline.queue.connection.flushdb()
    shown = StatusReader(pipeline.database, lambda: pipeline.queue, 32).read()
    assert {load.source: load.waiting_rows for load in shown.loads} == {"things-1.csv": 0, "things-2.csv": 3}
    assert any(line.endswith("; 3 rows wait for missing chunks of things") for line in lines(shown))
    monkeypatch.setattr("exporter.stuck.MISSING_GRACE", 0)
    with pytest.raises(PipelineError) as stuck:
        drain(pipeline.database, pipeline.queue, timeout=5)
    message, _, waiting = str(stuck.value).rpartition("; ")
    assert message.startswith(
        "things-1.csv chunk 1 (rows 1 to 1) is neither committed nor on the queue; run the producer"
    )
    assert waiting == "until then rows of things-2.csv wait for it"
    pipeline.load(2)
    shown = StatusReader(pipeline.database, lambda: pipeline.queue, 32).read()
    assert {load.waiting_rows for load in shown.loads} == {0}


@BOTH
def test_rows_of_a_version_that_is_replaced_wait_no_more(
    pipeline: Pipeline, resource: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.status.chunks_view.RATE_WINDOW", 0)  # else each chunk is read again for a while
    described(pipeline, resource)
    pipeline.write(**{"things-1": HEADER + "1,a\n", "things-2": HEADER + "2,b\n3,c\n"})
    pipeline.produce()
    pipeline.loader.load_chunk(*sorted(chunks(pipeline))[1])
    reader = StatusReader(pipeline.database, lambda: pipeline.queue, 32)
    assert sorted(load.waiting_rows for load in reader.read().loads) == [0, 2]
    pipeline.write(**{"things-2": HEADER + "2,b\n4,d\n"})
    pipeline.produce()
    shown = reader.read()
    assert [load.waiting_rows for load in (*shown.loads, *shown.history)] == [0, 0, 0]


@BOTH
def test_rows_that_wait_are_not_lost_when_the_description_loses_its_unique_values(
    pipeline: Pipeline, resource: dict[str, Any]
) -> None:
    without = {**resource, "schema": {**resource["schema"], "fields": [ID, {"name": "code"}]}}
    described(pipeline, resource)
    pipeline.write(**{"things-1": HEADER + "1,a\n", "things-2": HEADER + "2,b\n3,c\n"})
    pipeline.produce(chunk_rows=2)
    pipeline.loader.load_chunk(*chunks(pipeline)[1])
    pipeline.queue.connection.flushdb()
    described(pipeline, without)
    produce_alone(pipeline, "things-1.csv")
    pipeline.take_and_load()
    with pipeline.database.transaction() as tx:
        assert [str(chunk) for chunk in ledger.missing_chunks(tx)] == ["things-2.csv chunk 1 (rows 1 to 2)"]
    pipeline.load(2)
    assert [row[:2] for row in table(pipeline)] == [(1, "a"), (2, "b"), (3, "c")]
    assert pipeline.rows("SELECT * FROM chunk_texts") == []
