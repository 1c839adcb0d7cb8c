"""Rows that are known by their key: one outcome in any order of delivery."""

import json
from contextlib import suppress
from itertools import permutations, product
from pathlib import Path
from typing import Any

import pytest

from pipeline.columns.column import column
from pipeline.descriptions.package import find_package, read_package
from pipeline.errors import InUseError, OutOfOrderError
from pipeline.forgetting import forget
from pipeline.postgres.database import Database
from pipeline.queue.job import ChunkText
from pipeline.tables.plan import Wanted
from pipeline.tables.registry import make_tables
from producer.dry_run import preview
from producer.sources import find_sources
from tests.conftest import Commands, Pipeline
from tests.support import at_once
from worker.load import ChunkLoader

ITEMS = {
    "resources": [
        {
            "name": "items",
            "path": ["items.csv", "items-*.csv"],
            "schema": {
                "fields": [
                    {"name": "id", "type": "integer"},
                    {"name": "label", "type": "string"},
                    {"name": "price", "type": "number"},
                ],
                "primaryKey": ["id"],
            },
        }
    ]
}
HEADER = "id,label,price\n"


@pytest.fixture
def items(pipeline: Pipeline) -> Pipeline:
    (pipeline.data / "datapackage.json").write_text(json.dumps(ITEMS))
    datasets = read_package(find_package(pipeline.data)).datasets
    make_tables(pipeline.database, Wanted(datasets, column))
    return pipeline


def chunks(pipeline: Pipeline) -> list[ChunkText]:
    return pipeline.waiting_chunks()


def load_chunks(pipeline: Pipeline, order: tuple[int, ...] | None) -> None:
    """Loads what is on the queue in this order, or as four workers that take it from its end."""
    waiting = chunks(pipeline)
    pipeline.queue.connection.flushdb()
    if order:
        for position in order:
            pipeline.loader.load_chunk(*waiting[position])
        return
    loaders = [ChunkLoader(pipeline.services.session()) for _ in range(4)]

    def work() -> None:
        loader = loaders.pop()
        with suppress(IndexError):
            while True:
                loader.load_chunk(*waiting.pop())

    at_once(work, 4)


def log_in_full(pipeline: Pipeline) -> Path:
    """Has the server log the rows that it refuses to the worker, as it does by default; returns its log."""
    [(cluster,)] = pipeline.rows("SELECT current_setting('data_directory')")
    in_full = "?options=-clog_error_verbosity%3Ddefault"
    pipeline.loader = ChunkLoader(Database(pipeline.services.database_url + in_full, "tests"))
    return Path(cluster).with_suffix(".log")


def test_a_repeated_key_stands_in_no_log_however_much_the_server_logs(items: Pipeline) -> None:
    log = log_in_full(items)
    items.load(items=f"{HEADER}7314159,a,1\n7314159,b,2\n")
    assert items.counts("items.csv")["rejected"] == 1
    assert "7314159" not in log.read_text(errors="replace")


def table(pipeline: Pipeline) -> list[tuple[Any, ...]]:
    """Id, label, price, source and row number of each item, in order."""
    return pipeline.rows(
        "SELECT items.id, label, price::text, sources.name, row_number FROM items"
        " JOIN sources ON sources.id = source_id ORDER BY items.id"
    )


def test_rows_follow_their_keys_from_version_to_version(items: Pipeline) -> None:
    items.load(items=HEADER + "1,a,1.0\n2,b,2\n3,c,\n")
    assert table(items) == [
        (1, "a", "1.0", "items.csv", 1),
        (2, "b", "2", "items.csv", 2),
        (3, "c", None, "items.csv", 3),
    ]
    items.load(items=HEADER + "3,c,\n1,A,1.0\n4,d,4\n")
    assert [row[:3] for row in table(items)] == [(1, "A", "1.0"), (3, "c", None), (4, "d", "4")]
    assert items.counts("items.csv") == {"inserted": 1, "updated": 1, "unchanged": 1, "rejected": 0, "deleted": 1}
    assert items.rows("SELECT * FROM chunk_texts") == []


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_earliest_row_of_a_key_has_it_in_any_order(items: Pipeline, order: tuple[int, ...]) -> None:
    items.write(items=HEADER + "1,first,1\n2,b,2\n1,second,1\n3,c,3\n1,third,1\n2,B,2\n")
    items.produce(chunk_rows=2)
    waiting = chunks(items)
    for position in order:
        items.loader.load_chunk(*waiting[position])
    items.check_reconciliation()
    assert [row[:2] for row in table(items)] == [(1, "first"), (2, "b"), (3, "c")]
    assert [(row[1], row[2], row[3], row[4]) for row in items.rejected()] == [
        (3, 4, "id '1' is the key of an earlier row", "1,second,1"),
        (5, 6, "id '1' is the key of an earlier row", "1,third,1"),
        (6, 7, "id '2' is the key of an earlier row", "2,B,2"),
    ]
    assert items.counts("items.csv") == {"inserted": 3, "updated": 0, "unchanged": 0, "rejected": 3, "deleted": 0}
    assert items.rows("SELECT * FROM chunk_texts") == []


@pytest.mark.parametrize("order", list(permutations(range(2))))
def test_a_key_belongs_to_the_file_sealed_first(items: Pipeline, order: tuple[int, ...]) -> None:
    items.write(**{"items-1": HEADER + "1,a,1\n2,b,2\n", "items-2": HEADER + "3,c,3\n1,x,1\n"})
    items.produce(chunk_rows=1000)
    waiting = chunks(items)
    assert len(waiting) == 2
    for position in order:
        items.loader.load_chunk(*waiting[position])
    items.check_reconciliation()
    assert [row[:4] for row in table(items)] == [
        (1, "a", "1", "items-1.csv"),
        (2, "b", "2", "items-1.csv"),
        (3, "c", "3", "items-2.csv"),
    ]
    assert [row[3] for row in items.rejected()] == ["id '1' is the key of a row of items-1.csv"]
    items.load(**{"items-1": HEADER + "2,b,2\n"})
    assert [(*row[:2], row[3]) for row in table(items)] == [(2, "b", "items-1.csv"), (3, "c", "items-2.csv")]
    items.produce()
    items.take_and_load()
    items.check_reconciliation()
    assert [row[:4] for row in table(items)] == [
        (1, "x", "1", "items-2.csv"),
        (2, "b", "2", "items-1.csv"),
        (3, "c", "3", "items-2.csv"),
    ]
    assert items.rejected() == []


GROUPS = {
    "name": "groups",
    "path": "groups*.csv",
    "schema": {"fields": [{"name": "name", "type": "string"}], "primaryKey": ["name"]},
}
MEMBERS = {
    "name": "members",
    "path": "members*.csv",
    "schema": {
        "fields": [{"name": "id", "type": "integer"}, {"name": "group", "type": "string"}],
        "primaryKey": ["id"],
        "foreignKeys": [{"fields": ["group"], "reference": {"resource": "groups", "fields": ["name"]}}],
    },
}
NAMES, OF_GROUP = "name\n", "id,group\n"


def described(pipeline: Pipeline, *resources: dict[str, Any]) -> Pipeline:
    """The pipeline over a folder with these resources, and their tables."""
    (pipeline.data / "datapackage.json").write_text(json.dumps({"resources": resources}))
    datasets = read_package(find_package(pipeline.data)).datasets
    make_tables(pipeline.database, Wanted(datasets, column))
    return pipeline


@pytest.mark.parametrize(("chunk_rows", "order"), [(2, (0, 1)), (2, (1, 0)), (4, (0,))])
def test_an_earlier_row_takes_its_key_when_what_it_refers_to_arrives(
    pipeline: Pipeline, chunk_rows: int, order: tuple[int, ...]
) -> None:
    described(pipeline, GROUPS, MEMBERS)
    pipeline.load(chunk_rows, groups=NAMES + "old\n", members=OF_GROUP + "1,new\n2,old\n1,old\n3,old\n")
    assert pipeline.rows("SELECT id, row_number FROM members ORDER BY id") == [(1, 3), (2, 2), (3, 4)]
    pipeline.load(2, groups=NAMES + "old\nnew\n")
    pipeline.produce()
    waiting = chunks(pipeline)
    for position in order if len(waiting) == 2 else range(len(waiting)):
        pipeline.loader.load_chunk(*waiting[position])
    pipeline.check_reconciliation()
    assert tuple(pipeline.counts("members.csv").values()) == (3, 0, 0, 1, 0)
    assert pipeline.rows("SELECT id, row_number FROM members ORDER BY id") == [(1, 1), (2, 2), (3, 4)]
    assert [(row[1], row[3]) for row in pipeline.rejected()] == [(3, "id '1' is the key of an earlier row")]
    pipeline.queue.connection.flushdb()
    assert not any(each.queued_chunks for each in pipeline.produce())


def test_a_row_that_was_referred_to_goes_when_nothing_refers_to_it_any_more(pipeline: Pipeline) -> None:
    described(pipeline, GROUPS, MEMBERS)
    pipeline.load(groups=NAMES + "a\nb\n", members=OF_GROUP + "1,a\n2,b\n")
    pipeline.load(groups=NAMES + "b\n", members=OF_GROUP + "2,b\n")
    pipeline.load()
    assert pipeline.rows("SELECT name FROM groups") == [("b",)]
    assert not any(each.queued_chunks for each in pipeline.produce())


def test_a_row_goes_when_the_source_that_refers_to_it_is_forgotten(pipeline: Pipeline) -> None:
    described(pipeline, GROUPS, MEMBERS)
    pipeline.load(groups=NAMES + "a\nb\n", members=OF_GROUP + "1,a\n2,b\n")
    pipeline.load(groups=NAMES + "b\n")
    assert pipeline.rows("SELECT name FROM groups ORDER BY name") == [("a",), ("b",)]
    forget(pipeline.database, pipeline.queue, ["members.csv"])
    (pipeline.data / "members.csv").unlink()
    pipeline.load()
    assert pipeline.rows("SELECT name FROM groups") == [("b",)]


def test_what_a_shared_dataset_refers_to_cannot_be_forgotten(pipeline: Pipeline) -> None:
    described(pipeline, GROUPS, MEMBERS | {"pipeline:sharedKeys": True})
    pipeline.load(groups=NAMES + "a\nb\n", members=OF_GROUP + "1,a\n")
    with pytest.raises(InUseError, match=r"its groups are named by 1 row of members\.csv;"):
        forget(pipeline.database, pipeline.queue, ["groups.csv"])
    forget(pipeline.database, pipeline.queue, ["groups.csv", "members.csv"])
    assert pipeline.rows("SELECT name FROM groups") == []


def test_chunks_that_are_loaded_at_once_leave_no_text(items: Pipeline) -> None:
    rows = [f"{number % 40},x,1\n" for number in range(60)]
    items.write(**{f"items-{n}": HEADER + "".join(rows[::-1] if n == 2 else rows) for n in (1, 2)})
    items.produce(chunk_rows=5)
    load_chunks(items, None)
    items.check_reconciliation()
    assert [(row[0], row[3]) for row in table(items)] == [(number, "items-1.csv") for number in range(40)]
    assert len(items.rejected()) == 80
    assert items.rows("SELECT * FROM chunk_texts") == []


def foreseen(pipeline: Pipeline, chunk_rows: int | None = None) -> dict[str, tuple[int, int, int, int, int]]:
    """Rows that a run would insert, update, leave, reject and delete, by source."""
    forecasts = preview(find_sources(pipeline.data, ()), pipeline.database, chunk_rows=chunk_rows).forecasts
    return {
        each.source: (each.inserted, each.updated, each.unchanged, each.rejected, each.deleted) for each in forecasts
    }


def test_a_preview_rejects_of_an_unchanged_file_what_is_rejected(items: Pipeline) -> None:
    items.load(1, items=HEADER + "1,a,1\n2,b,2\n1,c,3\n")
    assert foreseen(items) == {"items.csv": (0, 0, 2, 1, 0)}


def test_a_preview_leaves_a_key_to_the_source_that_holds_it(items: Pipeline) -> None:
    items.load(**{"items-2": HEADER + "1,a,1\n"})
    items.write(**{"items-1": HEADER + "1,b,2\n", "items-2": HEADER + "1,A,1\n2,c,2\n"})
    expected = {"items-1.csv": (0, 0, 0, 1, 0), "items-2.csv": (1, 1, 0, 0, 0)}
    assert foreseen(items) == expected
    items.load()
    assert {name: tuple(items.counts(name).values()) for name in expected} == expected


def test_a_preview_deletes_no_row_that_others_refer_to(pipeline: Pipeline) -> None:
    described(pipeline, GROUPS, MEMBERS)
    pipeline.load(groups=NAMES + "a\nb\nc\n", members=OF_GROUP + "1,a\n")
    pipeline.write(groups=NAMES + "c\n")
    assert foreseen(pipeline)["groups.csv"] == (0, 0, 1, 0, 1)
    pipeline.load()
    assert pipeline.counts("groups.csv")["deleted"] == 1


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_chunk_that_is_loaded_again_keeps_its_count_of_deleted_rows(
    items: Pipeline, order: tuple[int, int, int]
) -> None:
    """The key of items-1 goes, so the last chunk of items-2 is loaded again, whose rejected row gets that key."""
    items.load(**{"items-1": HEADER + "1,a,1\n", "items-2": HEADER + "1,b,2\n2,b,2\n5,b,2\n"})
    items.write(**{"items-1": HEADER + "3,c,3\n", "items-2": HEADER + "2,b,2\n1,b,2\n"})
    items.produce(chunk_rows=1)
    load_chunks(items, order)
    before = {"inserted": 0, "updated": 0, "unchanged": 1, "rejected": 1, "deleted": 1}
    assert items.counts("items-2.csv") == before
    assert [each.queued_chunks for each in items.produce(chunk_rows=1)] == [0, 1]
    assert items.counts("items-2.csv")["deleted"] == 1  # also while the chunk is missing
    load_chunks(items, (0,))
    items.check_reconciliation()
    assert items.counts("items-2.csv") == {**before, "inserted": 1, "rejected": 0}


@pytest.mark.parametrize("order", [(0, 1), (1, 0), None])
def test_a_key_that_goes_from_its_file_is_for_the_waiting_row_of_the_earliest_load(
    items: Pipeline, order: tuple[int, ...] | None
) -> None:
    """In any order of chunks, and with several workers (None): an old rejected row before that of a new file."""
    items.load(**{"items-1": HEADER + "1,a,1\n", "items-2": HEADER + "1,b,2\n2,b,2\n"})
    items.write(**{"items-1": HEADER + "3,c,3\n", "items-3": HEADER + "1,x,1\n4,d,4\n"})
    items.produce()
    load_chunks(items, order)
    items.check_reconciliation()
    assert [(row[0], row[3]) for row in table(items)] == [(2, "items-2.csv"), (3, "items-1.csv"), (4, "items-3.csv")]
    assert {row[3] for row in items.rejected()} == {"id '1' is the key of a row of items-1.csv"}
    assert items.counts("items-1.csv") == {"inserted": 1, "updated": 0, "unchanged": 0, "rejected": 0, "deleted": 1}
    items.produce()
    load_chunks(items, order)
    items.check_reconciliation()
    assert [row[:2] for row in table(items)] == [(1, "b"), (2, "b"), (3, "c"), (4, "d")]
    assert [(row[0], row[3]) for row in items.rejected()] == [
        ("items-3.csv", "id '1' is the key of a row of items-2.csv")
    ]
    assert items.rows("SELECT * FROM chunk_texts") == []


@pytest.mark.parametrize("order", [(0, 1), (1, 0), None])
def test_the_keys_of_a_forgotten_file_are_for_the_waiting_row_of_the_earliest_load(
    items: Pipeline, order: tuple[int, ...] | None
) -> None:
    items.load(**{"items-1": HEADER + "1,a,1\n", "items-2": HEADER + "1,b,2\n2,b,2\n"})
    forget(items.database, items.queue, ["items-1.csv"])
    (items.data / "items-1.csv").unlink()
    assert [row[:2] for row in table(items)] == [(2, "b")]
    items.write(**{"items-3": HEADER + "1,x,1\n4,d,4\n"})
    items.produce()
    load_chunks(items, order)
    items.check_reconciliation()
    assert [row[:2] for row in table(items)] == [(1, "b"), (2, "b"), (4, "d")]
    assert [(row[0], row[3]) for row in items.rejected()] == [
        ("items-3.csv", "id '1' is the key of a row of items-2.csv")
    ]
    assert items.rows("SELECT * FROM chunk_texts") == []


def test_a_forgotten_file_with_missing_chunks_leaves_no_text_of_others(items: Pipeline) -> None:
    items.write(**{"items-1": HEADER + "1,a,1\n", "items-2": HEADER + "2,b,2\n"})
    items.produce()
    items.loader.load_chunk(*chunks(items)[1])
    assert len(items.rows("SELECT * FROM chunk_texts")) == 1
    forget(items.database, items.queue, ["items-1.csv"])
    assert items.rows("SELECT * FROM chunk_texts") == []


def test_keys_that_waited_for_a_chunk_of_a_forgotten_file_go_with_it(items: Pipeline) -> None:
    items.load(**{"items-1": HEADER + "1,a,1\n2,b,2\n", "items-2": HEADER + "3,c,3\n"})
    items.write(**{"items-1": HEADER + "2,b,2\n", "items-2": HEADER + "4,d,4\n"})
    items.produce()
    items.loader.load_chunk(*chunks(items)[0])
    assert [row[0] for row in table(items)] == [1, 2, 3]
    forget(items.database, items.queue, ["items-2.csv"])
    assert [row[0] for row in table(items)] == [2]
    assert items.counts("items-1.csv")["deleted"] == 1
    items.check_reconciliation()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("members", [OF_GROUP + "1,a\n2,b\n", OF_GROUP + "1,a\n2,b\n3,a\n"])
def test_a_preview_foresees_which_keys_go_that_rows_name(
    pipeline: Pipeline, members: str, order: tuple[int, int]
) -> None:
    """Rows of the same run that name them are rejected, in any order; rows of a run before keep them."""
    described(pipeline, GROUPS, MEMBERS)
    pipeline.load(groups=NAMES + "a\nb\n", **({"members": OF_GROUP + "1,a\n"} if "3" in members else {}))
    pipeline.write(groups=NAMES + "b\n", members=members)
    told = foreseen(pipeline)
    pipeline.produce()
    waiting = [chunks(pipeline)[position] for position in order]
    for chunk in waiting:
        with suppress(OutOfOrderError):
            pipeline.loader.load_chunk(*chunk)
    pipeline.take_and_load()
    pipeline.check_reconciliation()
    assert told == {name: tuple(pipeline.counts(name).values()) for name in told}
    names_kept_ones = "3" in members
    assert told["members.csv"][3] == (0 if names_kept_ones else 1)
    assert pipeline.rows("SELECT name FROM groups ORDER BY name") == ([("a",)] if names_kept_ones else []) + [("b",)]


def test_a_preview_foresees_that_a_row_goes_that_was_kept_for_others(pipeline: Pipeline) -> None:
    described(pipeline, GROUPS, MEMBERS)
    pipeline.load(groups=NAMES + "a\nb\n", members=OF_GROUP + "1,a\n")
    pipeline.load(groups=NAMES + "b\n", members=OF_GROUP + "1,b\n")
    assert pipeline.rows("SELECT name FROM groups ORDER BY name") == [("a",), ("b",)]
    pipeline.write(members=OF_GROUP + "1,b\n2,a\n")
    told = foreseen(pipeline)
    pipeline.load()
    assert told["members.csv"] == tuple(pipeline.counts("members.csv").values()) == (0, 0, 1, 1, 0)


@pytest.mark.parametrize(
    ("chunk_rows", "order"),
    [(27, order) for order in permutations(range(3))] + [(54, (0, 1)), (54, (1, 0)), (100, (0,))],
)
def test_counts_of_repeated_keys_are_the_same_in_any_order(
    items: Pipeline, chunk_rows: int, order: tuple[int, ...]
) -> None:
    """A row that has its key counts as updated if a row of the key says something else than the table."""
    keys = list(enumerate(product("abc", repeat=3)))  # what the three rows of each key say
    items.load(items=HEADER + "".join(f"{key},a,1\n" for key, _ in keys))
    items.write(items=HEADER + "".join(f"{key},{labels[n]},1\n" for n in range(3) for key, labels in keys))
    told = foreseen(items, chunk_rows)
    items.produce(chunk_rows)
    load_chunks(items, order)
    items.check_reconciliation()
    assert [row[1] for row in table(items)] == [labels[0] for _, labels in keys]
    assert told == {"items.csv": (0, 26, 1, 54, 0)}
    assert tuple(items.counts("items.csv").values()) == told["items.csv"]
    assert items.rows("SELECT * FROM chunk_texts") == []


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_key_that_an_interrupted_file_may_claim_is_not_settled_by_a_new_version(
    items: Pipeline, order: tuple[int, int]
) -> None:
    """The file that was sealed first has the key, also if the other one has a new version before it is loaded."""
    items.write(**{"items-1": HEADER + "1,a,1\n", "items-2": HEADER + "1,b,2\n"})
    items.produce()
    items.loader.load_chunk(*chunks(items)[1])
    items.queue.connection.flushdb()
    items.write(**{"items-2": HEADER + "1,B,2\n2,b,2\n"})
    items.produce()
    waiting = [chunks(items)[position] for position in order]
    while waiting:
        try:
            items.loader.load_chunk(*waiting[0])
            waiting.pop(0)
        except OutOfOrderError:
            waiting.reverse()
    items.check_reconciliation()
    assert [(row[1], row[3]) for row in table(items)] == [("a", "items-1.csv"), ("b", "items-2.csv")]
    assert items.rows("SELECT * FROM chunk_texts") == []


def test_keys_of_files_that_are_forgotten_as_missing_are_given_to_waiting_rows_in_the_same_run(
    items: Pipeline, commands: Commands
) -> None:
    items.load(**{"items-1": HEADER + "1,a,1\n", "items-2": HEADER + "1,b,2\n"})
    (items.data / "items-1.csv").unlink()
    assert commands.run("producer", "--data", str(items.data), "--forget-missing").returncode == 0
    items.take_and_load()
    assert [(row[1], row[3]) for row in table(items)] == [("b", "items-2.csv")]
    assert items.rejected() == []


ORDERS = {
    "name": "orders",
    "path": "orders*.csv",
    "schema": {
        "fields": [
            {"name": "id", "type": "integer"},
            {"name": "group", "type": "string"},
            {"name": "member", "type": "integer"},
        ],
        "primaryKey": ["id"],
        "foreignKeys": [
            {"fields": ["group"], "reference": {"resource": "groups", "fields": ["name"]}},
            {"fields": ["member"], "reference": {"resource": "members", "fields": ["id"]}},
        ],
    },
}


def test_a_key_that_is_called_id_can_be_referred_to(pipeline: Pipeline) -> None:
    described(pipeline, GROUPS, MEMBERS, ORDERS)
    pipeline.load(groups=NAMES + "a\n", members=OF_GROUP + "1,a\n", orders="id,group,member\n1,a,1\n2,a,2\n")
    assert pipeline.rows("SELECT id, member FROM orders") == [(1, 1)]
    assert reasons(pipeline, "orders.csv") == ["member '2' is not in members"]


NO_GROUP, NO_MEMBER = "group 'a' is not in groups", "member '1' is not in members"


def reasons(pipeline: Pipeline, source: str) -> list[str]:
    return [row[3] for row in pipeline.rejected() if row[0] == source]


def test_the_reasons_of_a_rejected_row_are_those_that_are_left(pipeline: Pipeline) -> None:
    """Of two references, of a reference and a key, and of the key of a source that another one has taken over."""
    described(pipeline, GROUPS, MEMBERS, ORDERS)
    of_order = "id,group,member\n"
    pipeline.load(**{"orders-1": of_order + "7,,\n", "orders-2": of_order + "7,a,1\n"})
    assert reasons(pipeline, "orders-2.csv") == [f"{NO_GROUP}; {NO_MEMBER}"]
    pipeline.load(groups=NAMES + "a\n")
    assert reasons(pipeline, "orders-2.csv") == [NO_MEMBER]
    pipeline.load(members=OF_GROUP + "1,a\n")
    assert reasons(pipeline, "orders-2.csv") == ["id '7' is the key of a row of orders-1.csv"]
    pipeline.load(**{"orders-0": of_order + "7,,\n", "orders-1": of_order + "8,,\n"})
    assert reasons(pipeline, "orders-2.csv") == ["id '7' is the key of a row of orders-1.csv"]
    pipeline.load()
    assert reasons(pipeline, "orders-0.csv") == ["id '7' is the key of a row of orders-2.csv"]
    assert reasons(pipeline, "orders-2.csv") == []


def test_a_rejected_row_names_the_source_that_has_its_key_now(items: Pipeline) -> None:
    items.load(**{f"items-{n}": HEADER + f"1,{n},1\n" for n in (1, 2, 3)})
    assert reasons(items, "items-3.csv") == ["id '1' is the key of a row of items-1.csv"]
    forget(items.database, items.queue, ["items-1.csv"])
    (items.data / "items-1.csv").unlink()
    items.load()
    assert reasons(items, "items-3.csv") == ["id '1' is the key of a row of items-2.csv"]


COLUMNS = [
    *("id", "source", "place", "verdict", "differs", "is_updated", "is_new", "is_incoming", "number", "position"),
    *("first_row", "row_count", "held_source_id", "held_load_id", "held_row_number", "held_outcome"),
    *("first_row_number", "name", "dataset", "deciding"),
]


@pytest.mark.parametrize("kind", ["positional", "keyed", "shared"])
def test_columns_may_have_the_names_that_the_statements_use(pipeline: Pipeline, kind: str) -> None:
    fields = [{"name": name, "type": "string"} for name in COLUMNS]
    key = {} if kind == "positional" else {"primaryKey": COLUMNS[:2]}
    shared = {"pipeline:sharedKeys": True} if kind == "shared" else {}
    described(pipeline, {"name": "odd", "path": "odd*.csv", "schema": {"fields": fields, **key}, **shared})
    header, rows = (
        ",".join(COLUMNS) + "\n",
        [",".join([row[0]] * 2 + [row[1]] * 18) + "\n" for row in ("1a", "2b", "2c")],
    )
    pipeline.load(1, **{"odd-1": header + rows[0] + rows[1], "odd-2": header + rows[2]})
    pipeline.write(**{"odd-1": header + rows[2] + rows[1], "odd-2": header + rows[0]})
    told = foreseen(pipeline, 1)
    pipeline.load(1)
    assert told == {name: tuple(pipeline.counts(name).values()) for name in told}
    forget(pipeline.database, pipeline.queue, ["odd-1.csv", "odd-2.csv"])
    assert pipeline.rows("SELECT * FROM odd") == []
