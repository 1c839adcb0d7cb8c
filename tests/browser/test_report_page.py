"""The report page in a browser, opened as a file, next to what the database holds."""

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import SCREENSHOTS, OpenTab, Tab, width
from tests.conftest import Commands, Pipeline
from tests.support import generate

PEOPLE = 3_000
BAD_ROWS = ["Ann,Bell,not a date,Ayr", "Ben,,1901-02-03,Ayr", "Cat,Bell,1901-02-03,Atlantis", "Dan,Bell,31/12/1987,Ayr"]
LARGEST = 300_000  # bytes
BY_COUNTRY = """
SELECT countries.name, count(*)
FROM people
JOIN places ON places.id = place_id
JOIN counties ON counties.id = county_id
JOIN countries ON countries.id = country_id
GROUP BY 1
ORDER BY 2 DESC
"""
BY_DECADE = "SELECT (extract(year FROM date_of_birth)::int / 10 * 10)::text, count(*) FROM people GROUP BY 1 ORDER BY 1"
FILES = """
SELECT source, row_count, inserted, updated, unchanged, rejected, deleted FROM load_progress WHERE current ORDER BY 1
"""
REJECTED = "SELECT unnest(kinds), count(*) FROM rejected_rows GROUP BY 1 ORDER BY 2 DESC, 1"
GIVEN_NAMES = "SELECT count(given_name), count(DISTINCT given_name) FROM people"
PAPER = 718  # pixels of 1/96 inch that A4 leaves between its margins


@pytest.fixture
def report(commands: Commands, pipeline: Pipeline, open_tab: OpenTab) -> Tab:
    """The page of two versions of a file, of which some rows were rejected."""
    generate(pipeline.data, PEOPLE)
    for version in range(2):
        with (pipeline.data / "people.csv").open("a", encoding="utf-8") as file:
            file.write("\n".join(BAD_ROWS[2 * version :][:2]) + "\n")
        ended = commands.run("pipeline", "run", "--data", str(pipeline.data), "--output", str(pipeline.data))
        assert ended.returncode == 0, ended.stderr
    path = pipeline.data / "report.html"
    assert path.stat().st_size < LARGEST
    return open_tab(path.as_uri())


def rows(page: Page, name: str) -> list[list[str]]:
    """The texts of a table's cells, row by row, but for cells that hold a drawing."""
    table = page.get_by_role("region", name=name, exact=True).locator("tbody tr")
    return [row.locator(":scope > :is(th, td):not(.bar)").all_inner_texts() for row in table.all()]


def numbers(texts: list[str]) -> list[int]:
    return [int(text.replace(",", "")) for text in texts]


def test_the_figures_are_those_of_the_database(report: Tab, pipeline: Pipeline) -> None:
    page = report.page
    by_country = pipeline.rows(BY_COUNTRY)
    assert sum(count for _, count in by_country) == PEOPLE
    assert [(country, *numbers([count])) for country, count in rows(page, "People per country")] == by_country
    by_decade = [(decade, *numbers([count])) for decade, count in rows(page, "Births by decade")]
    assert by_decade == pipeline.rows(BY_DECADE)
    files = [(name, *numbers(counts)) for name, _, _, *counts in rows(page, "Files")]
    assert files == pipeline.rows(FILES)
    rejected = [(rule, *numbers([count])) for _, rule, count, *_ in rows(page, "Rejected rows")]
    assert rejected == pipeline.rows(REJECTED)
    [(_, *given_names), *_] = rows(page, "Values of people")
    assert [tuple(numbers(given_names[:2]))] == pipeline.rows(GIVEN_NAMES)
    chart = page.get_by_role("region", name="People per country").locator("rect")
    widths = [width(bar) for bar in chart.all()]
    lengths = [one / widths[0] for one in widths]
    assert lengths == pytest.approx([count / by_country[0][1] for _, count in by_country], abs=0.01)


def test_it_is_accessible_and_valid_and_fits_a_phone_and_paper(report: Tab) -> None:
    page = report.page
    report.check_html()
    for summary in page.locator("summary").all():
        summary.click()
    report.check_looks("report")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": PAPER, "height": 1000})
    page.screenshot(path=SCREENSHOTS / "report-print.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= PAPER
    assert set(report.requests) == {page.url}
