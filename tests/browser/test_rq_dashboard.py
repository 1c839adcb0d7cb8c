"""rq-dashboard in a browser, while a worker is busy."""

from collections.abc import Iterator
from typing import cast

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SCREENSHOTS, OpenTab, Serve
from tests.conftest import Commands, Pipeline
from tests.stuck import busy_worker

REGISTRIES = ("queued", "started", "failed", "finished", "deferred", "scheduled", "canceled")


@pytest.fixture
def busy(pipeline: Pipeline, commands: Commands) -> Iterator[None]:
    with busy_worker(pipeline, commands):
        yield


@pytest.mark.usefixtures("busy")
def test_every_page_opens_while_a_worker_is_busy(open_tab: OpenTab, serve: Serve, pipeline: Pipeline) -> None:
    [job_id] = cast(list[bytes], pipeline.queue.connection.lrange("rq:queue:chunks", 0, -1))
    url = f"{serve('monitor.rq_dashboard')}/0/view"
    tab = open_tab(url)
    shown = {
        "queues": "chunks",
        "workers": "people.csv chunk 1 (rows 1 to 2)",
        f"job/{job_id.decode()}": "people.csv chunk 2 (rows 3 to 4)",
        **{f"jobs/chunks/{registry}/8/asc/1": "No jobs." for registry in REGISTRIES},
        "jobs/chunks/queued/8/asc/1": "people.csv chunk 2 (rows 3 to 4)",
        "jobs/chunks/started/8/asc/1": "people.csv chunk 1 (rows 1 to 2)",
    }
    for path, text in shown.items():
        tab.page.goto(f"{url}/{path}")
        expect(tab.page.locator("body")).to_contain_text(text)
        tab.page.screenshot(path=SCREENSHOTS / f"rq-{'-'.join(path.split('/')[:3:2])}.png")
