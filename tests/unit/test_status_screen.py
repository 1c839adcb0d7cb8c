"""What `pipeline status` draws on terminals of several widths."""

import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.console import Console

from pipeline.cli.status_screen import draw
from pipeline.status.ledger_view import ChunkDurations
from pipeline.status.shown import LoadStatus, QueueStatus, ServerStatus, Status

NOW = datetime(2026, 11, 25, 20, 0, tzinfo=UTC)
PEOPLE = LoadStatus(
    load=2,
    source="people.csv",
    dataset="people",
    version="f51bb83c2343",
    state="complete",
    rows=300_000,
    committed_rows=300_000,
    inserted=299_699,
    updated=0,
    unchanged=0,
    rejected=301,
    deleted=0,
    retries=0,
    chunks=15,
    committed_chunks=15,
    sealed_at=NOW,
    last_commit_at=NOW,
    seconds=2.5,
    rows_per_second=120_213,
    waiting_rows=0,
    seconds_left=None,
)
LOADING = replace(
    PEOPLE,
    state="loading",
    committed_rows=195_000,
    inserted=194_804,
    rejected=196,
    committed_chunks=10,
    seconds_left=5.4,
)
EVERYTHING = replace(PEOPLE, inserted=100_000, updated=99_000, unchanged=99_699, rejected=1_301, deleted=20_000)
CHANGING = replace(EVERYTHING, state="loading", seconds_left=5.4)


def drawn(load: LoadStatus, width: int, *, producing: bool = False) -> list[str]:
    places = replace(
        PEOPLE,
        load=1,
        source="places.csv",
        rows=113,
        committed_rows=113,
        inserted=113,
        rejected=0,
        rows_per_second=1_206,
    )
    status = Status(
        at=NOW,
        state="running" if producing or load.state == "loading" else "idle",
        rows_per_second=0,
        seconds_left=load.seconds_left,
        loads=[load, places],
        history=[],
        workers=[],
        queue=QueueStatus(0, 32, 0, 0, producing, None),
        failed_chunks=[],
        lost_chunks=0,
        rejected_rules=[],
        chunk_durations=ChunkDurations((), (0,), 0),
        tables=[],
        postgresql=ServerStatus("127.0.0.1:5432/postgres", None, "18.6"),
        redis=ServerStatus("127.0.0.1:6379/0", None, "valkey 9.1.2"),
    )
    console = Console(file=io.StringIO(), width=width, legacy_windows=False)
    draw(status, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize(
    "load", [PEOPLE, LOADING, EVERYTHING, CHANGING], ids=["complete", "loading", "all", "changing"]
)
@pytest.mark.parametrize("width", [80, 120])
def test_a_load_is_one_line_with_whole_words(load: LoadStatus, width: int) -> None:
    _, header, people, places, *_ = drawn(load, width)
    counts = {name: getattr(load, name) for name in ("inserted", "updated", "unchanged", "rejected", "deleted")}
    assert [header.split()[0], people.split()[0], places.split()[0]] == ["file", "people.csv", "places.csv"]
    for name, count in counts.items():
        assert not count or (name in header.split() and f"{count:,}" in people.split())
    assert f"{load.rows:,}" in people.split()
    assert max(map(len, (header, people, places))) <= width


def test_a_wide_terminal_has_all_columns() -> None:
    assert drawn(PEOPLE, 120)[1].split() == [
        "file", "rows", "rows/s", "left", "inserted", "updated", "unchanged", "rejected", "deleted",
    ]  # fmt: skip


def test_a_narrow_terminal_leaves_out_what_is_empty_first() -> None:
    assert drawn(PEOPLE, 64)[1].split() == ["file", "rows", "rows/s", "inserted", "rejected"]


def test_a_producer_that_still_reads_is_named_where_all_planned_rows_are_committed() -> None:
    assert drawn(PEOPLE, 120, producing=True)[0] == "running: a producer is at work; 2 files loaded, 300,113 rows"
    assert drawn(LOADING, 120, producing=True)[0] == "running: 195,113 of 300,113 rows, 5.4 s left"
