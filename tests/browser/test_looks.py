"""How the pages look: for everyone, light and dark, on a desk and on a phone."""

import pytest

from tests.browser.conftest import PHONE, OpenTab, Serve, StartStage, width
from tests.conftest import PEOPLE, PLACES, Pipeline
from tests.support import wait_until

REJECTED = "Ann,Bell,not a date,Ayr\nBen,Bell,1901-02-03," + "Llanfairpwllgwyngyll" * 10 + "\n"
CHECK = "a check whose name is as long as PostgreSQL lets one be, or so"


@pytest.fixture
def everything(pipeline: Pipeline, start: StartStage) -> None:
    """A ledger and a queue that leave no section of the live page empty, a failed chunk among them."""
    pipeline.load(places=PLACES, people=PEOPLE)
    pipeline.load(people=PEOPLE + REJECTED)
    pipeline.write(**{"people-" + "long" * 40: PEOPLE})
    pipeline.produce()
    with pipeline.database.transaction() as tx:
        tx.run(f'ALTER TABLE people ADD CONSTRAINT "{CHECK}" CHECK (row_number > 9) NOT VALID')
    start("worker")
    wait_until(lambda: pipeline.queue.state().failed)


@pytest.mark.usefixtures("everything")
def test_the_pages_are_accessible_valid_and_fit(open_tab: OpenTab, serve: Serve) -> None:
    url = serve("monitor")
    for path, name in (("", "live"), ("rejected", "rejected")):
        tab = open_tab(f"{url}/{path}")
        tab.check_html()
        tab.check_looks(name)


def test_a_long_row_is_readable_on_a_phone(pipeline: Pipeline, open_tab: OpenTab, serve: Serve) -> None:
    pipeline.load(places=PLACES, people=PEOPLE + REJECTED)
    tab = open_tab(f"{serve('monitor')}/rejected", viewport={"width": PHONE, "height": 800})
    cells = tab.page.locator("td code").all()
    assert min(width(cell.locator("..")) for cell in cells) > PHONE / 2


def test_a_phone_shows_progress_instead_of_the_version(pipeline: Pipeline, open_tab: OpenTab, serve: Serve) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    tab = open_tab(serve("monitor"), viewport={"width": PHONE, "height": 800})
    assert not tab.page.get_by_role("columnheader", name="Version").is_visible()
    rows = tab.page.get_by_role("columnheader", name="Rows", exact=True).bounding_box()
    assert rows is not None
    assert rows["x"] + rows["width"] <= PHONE
