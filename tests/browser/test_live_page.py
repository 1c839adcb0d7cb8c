"""The live page in a browser, during real loads by real processes."""

import csv
import re
import subprocess
from contextlib import suppress
from typing import Any

from playwright.sync_api import Browser, Error, Locator, expect

from tests.browser.conftest import OpenTab, Serve, StartStage
from tests.conftest import PEOPLE, PLACES, Pipeline
from tests.stuck import queue_people_that_fail
from tests.support import generate


def start_load(start: StartStage, pipeline: Pipeline) -> list["subprocess.Popen[str]"]:
    """A load that takes a while; returns its two workers."""
    generate(pipeline.data, people=60_000)
    start("producer", DATA_DIR=str(pipeline.data), CHUNK_ROWS="10", QUEUE_LIMIT="1")
    return [start("worker") for _ in range(2)]


def wait_for_another_value(bar: Locator) -> tuple[int, int]:
    """The value of a bar, and the next one that it takes."""
    before = bar.get_attribute("value")
    assert before is not None
    expect(bar).not_to_have_attribute("value", before)
    return int(before), int(bar.get_attribute("value") or 0)


def test_bars_move_and_a_killed_worker_disappears_without_a_reload(
    open_tab: OpenTab, serve: Serve, start: StartStage, pipeline: Pipeline
) -> None:
    tab = open_tab(serve("monitor"))
    workers = start_load(start, pipeline)
    bar = tab.page.get_by_role("progressbar", name="people.csv")
    for _ in range(2):
        before, after = wait_for_another_value(bar)
        assert before < after
    rows = tab.page.locator("#workers tbody tr")
    expect(rows).to_have_count(2)
    killed = rows.filter(has_text=f"-{workers[0].pid}-")
    expect(killed).to_have_count(1)
    workers[0].kill()
    expect(killed).to_have_count(0)
    expect(rows).to_have_count(1)
    wait_for_another_value(bar)
    assert sum(1 for url in tab.requests if re.search(r":\d+/$", url)) == 1


def test_a_failed_chunk_is_loaded_after_its_button_is_clicked(
    open_tab: OpenTab, serve: Serve, start: StartStage, pipeline: Pipeline
) -> None:
    queue_people_that_fail(pipeline)
    start("worker")
    tab = open_tab(serve("monitor"))
    failed = tab.page.get_by_role("region", name="Failed chunks")
    expect(failed).to_contain_text("people.csv chunk 1")
    with pipeline.database.transaction() as tx:
        tx.run("ALTER TABLE people DROP CONSTRAINT none")
    failed.get_by_role("button", name="Retry people.csv chunk 1").click()
    expect(tab.page.get_by_role("status")).to_have_text("idle: 2 files loaded, 7 rows")
    expect(failed).to_have_count(0)
    assert len(pipeline.people()) == 4


def test_rejected_rows_are_searched_and_downloaded(open_tab: OpenTab, serve: Serve, pipeline: Pipeline) -> None:
    bad = ["Ann,Bell,not a date,Ayr", "Åsa,Ö,1901-02-03,Atlantis", "=1+1,Formula,not a date,Ayr"]
    pipeline.load(places=PLACES, people=PEOPLE + "\n".join(bad) + "\n")
    tab = open_tab(serve("monitor"))
    tab.page.get_by_role("link", name="Rejected rows").click()
    table = tab.page.locator("tbody tr")
    expect(table).to_have_count(3)
    tab.page.get_by_label("Text").fill("atlantis")
    tab.page.get_by_role("button", name="Search").click()
    expect(table).to_have_count(1)
    expect(table).to_contain_text("Åsa,Ö,1901-02-03,Atlantis")
    tab.page.get_by_label("Text").fill("not a date")
    tab.page.get_by_label("Text").press("Enter")
    expect(table).to_have_count(2)
    with tab.page.expect_download() as download:
        tab.page.get_by_role("link", name="Download all as CSV").click()
    assert download.value.suggested_filename == "rejected_rows.csv"
    with download.value.path().open(encoding="utf-8", newline="") as file:
        assert [row["raw"] for row in csv.DictReader(file)] == [bad[0], f"'{bad[2]}"]


def test_the_keyboard_keeps_its_place_while_the_page_changes(
    open_tab: OpenTab, serve: Serve, pipeline: Pipeline
) -> None:
    bad = "Ann,Bell,not a date,Ayr\n"
    pipeline.load(places=PLACES, people=PEOPLE + bad)
    page = open_tab(serve("monitor")).page
    focused = {
        "region": page.get_by_role("region", name="Loads"),
        "link": page.get_by_role("link", name="people.csv"),
    }
    for rejected, place in enumerate(focused.values(), 2):
        place.focus()
        pipeline.load(people=PEOPLE + bad * rejected)
        expect(page.locator("#history tbody tr")).to_have_count(rejected - 1)
        expect(place).to_be_focused()


def answers(browser: Browser, url: str, **options: Any) -> set[int]:
    """The status codes that a browser of its own gets."""
    page = browser.new_page(**options)
    codes = set()
    page.on("response", lambda answer: codes.add(answer.status))
    with suppress(Error):  # Chromium ends a refused navigation with one, or with the page of the refusal
        page.goto(url)
    page.close()
    return codes


def test_the_password_is_asked_for_and_opens_the_page(browser: Browser, open_tab: OpenTab, serve: Serve) -> None:
    url = serve("monitor", MONITOR_PASSWORD="pä:ss")
    assert answers(browser, url) == {401}
    assert answers(browser, url, http_credentials={"username": "any", "password": "other"}) == {401}
    tab = open_tab(url, http_credentials={"username": "any", "password": "pä:ss"})
    expect(tab.page.get_by_role("status")).to_have_text("idle: nothing is loaded yet")
    with tab.page.expect_response("**/live") as refreshed:
        assert refreshed.value.status == 200
