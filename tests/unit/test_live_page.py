"""The live page and `pipeline status` while a server does not answer: what it cannot know is not shown as nothing."""

import io
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.console import Console

from monitor.metrics import StatusCollector
from pipeline.cli.status_screen import draw
from pipeline.pages.render import render
from pipeline.status.ledger_view import ChunkDurations
from pipeline.status.lines import headline, lines
from pipeline.status.shown import QueueStatus, ServerStatus, Status, WorkerStatus

NOW = datetime(2026, 11, 25, 20, 0, tzinfo=UTC)
WORKER = WorkerStatus("host-7-70cdfe", "host", "busy", "people.csv chunk 5", 0, 0, NOW, NOW)
IDLE = Status(
    at=NOW,
    state="idle",
    rows_per_second=0,
    seconds_left=None,
    loads=[],
    history=[],
    workers=[],
    queue=QueueStatus(0, 32, 0, 0, False, None),
    failed_chunks=[],
    lost_chunks=0,
    rejected_rules=[],
    chunk_durations=ChunkDurations((), (0,), 0),
    tables=[],
    postgresql=ServerStatus("127.0.0.1:5432/postgres", None, "18.6"),
    redis=ServerStatus("127.0.0.1:6379/0", None, "valkey 9.1.2"),
)
WITHOUT_POSTGRESQL = replace(
    IDLE,
    state="unreachable",
    rows_per_second=None,
    workers=[WORKER],
    lost_chunks=None,
    chunk_durations=None,
    postgresql=ServerStatus("127.0.0.1:5432/postgres", "refused"),
)
WITHOUT_REDIS = replace(
    IDLE, state="unreachable", queue=None, lost_chunks=None, redis=ServerStatus("127.0.0.1:6379/0", "refused")
)


def empty_sections(status: Status) -> dict[str, str]:
    """What the page says of each section that is empty, by its heading."""
    page = render("live.html", status=status, headline=headline(status))
    return dict(re.findall(r'<h2>([^<]*)</h2>\s*<p class="empty">([^<]*)</p>', page))


def test_an_empty_pipeline_is_empty() -> None:
    assert empty_sections(IDLE) == {
        "Loads": "Nothing is loaded yet.",
        "Workers": "No worker is running.",
        "Rejected rows": "None.",
        "Earlier versions": "None.",
    }


def test_loads_and_rejected_rows_are_not_known_without_postgresql() -> None:
    unknown = "Not known: PostgreSQL does not answer."
    assert empty_sections(WITHOUT_POSTGRESQL) == {
        "Loads": unknown,
        "Rejected rows": unknown,
        "Earlier versions": unknown,
    }


def test_the_counts_of_a_worker_are_not_known_without_postgresql() -> None:
    page = render("live.html", status=WITHOUT_POSTGRESQL, headline="")
    [row] = re.findall(r'<th scope="row">host-7-70cdfe</th>.*?</tr>', page, re.DOTALL)
    assert re.findall(r'<td class="n">(.*?)</td>', row) == ["–", "–"]
    assert "worker host-7-70cdfe: people.csv chunk 5" in list(lines(WITHOUT_POSTGRESQL))
    console = Console(file=io.StringIO(), width=120, legacy_windows=False)
    draw(WITHOUT_POSTGRESQL, console)
    assert isinstance(console.file, io.StringIO)
    assert re.search(r"^host-7-70cdfe +people.csv chunk 5 +– +–", console.file.getvalue(), re.MULTILINE)


def test_queue_and_workers_are_not_known_without_redis() -> None:
    unknown = "Not known: Redis does not answer."
    shown = empty_sections(WITHOUT_REDIS)
    assert (shown["Queue"], shown["Workers"]) == (unknown, unknown)
    assert shown["Loads"] == "Nothing is loaded yet."


@pytest.mark.parametrize(
    ("status", "known"),
    [
        (IDLE, {"failed_chunks", "lost_chunks", "rows_per_second", "chunk_duration_seconds", "workers"}),
        (WITHOUT_POSTGRESQL, {"workers"}),
        (WITHOUT_REDIS, {"rows_per_second", "chunk_duration_seconds"}),
    ],
    ids=["both", "no PostgreSQL", "no Redis"],
)
def test_a_metric_that_is_not_known_has_no_sample(status: Status, known: set[str]) -> None:
    """It is 0 only if there is nothing to count."""
    shown = {metric.name.removeprefix("pipeline_") for metric in StatusCollector(status).collect() if metric.samples}
    always = {"server_up"}
    of_queue = {"queue_jobs", "queue_limit", "producing", "oldest_wait_seconds"} if status.queue else set()
    assert shown == always | of_queue | known


def test_suspended_workers_are_named_with_the_remedy() -> None:
    suspended = replace(IDLE, workers=[replace(WORKER, state="suspended", job=None)])
    said = "idle: nothing is loaded yet; the workers are suspended: `rq resume` lets them go on"
    assert next(lines(suspended)) == said
    assert said in render("live.html", status=suspended, headline=headline(suspended))


def test_the_last_error_of_a_worker_is_shown() -> None:
    failing = replace(IDLE, workers=[replace(WORKER, error="people.csv chunk 4: the disk is full")])
    assert (
        "worker host-7-70cdfe: people.csv chunk 5; 0 chunks and 0 rows of the current loads;"
        " last error: people.csv chunk 4: the disk is full"
    ) in list(lines(failing))
    assert "last error: people.csv chunk 4: the disk is full" in render("live.html", status=failing, headline="")
    console = Console(file=io.StringIO(), width=160, legacy_windows=False)
    draw(failing, console)
    assert isinstance(console.file, io.StringIO)
    assert "last error: people.csv chunk 4: the disk is full" in console.file.getvalue()
