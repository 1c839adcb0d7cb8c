"""Markup in the names of files and rules, and in rows, is shown as the text that it is."""

import json

import pytest

from tests.browser.conftest import OpenTab, Serve
from tests.conftest import Commands, Pipeline

SCRIPT = "<script>alert(1)</script>"
FILE = f"{SCRIPT}.csv"  # with its slash, a file in a folder
RULE = f"{SCRIPT} is not a whole number"
REASON = f"{SCRIPT} '{SCRIPT}' is not a whole number"
TEMPLATE = "with_schema"


@pytest.fixture
def hostile(commands: Commands, pipeline: Pipeline) -> None:
    """A file, its column, and a value in it that is not a number, each with a script as its name."""
    described = {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": "hostile",
        "resources": [
            {
                "name": "hostile",
                "path": FILE,
                "schema": {"fields": [{"name": SCRIPT, "type": "integer"}]},
            }
        ],
    }
    path = pipeline.data / FILE
    path.parent.mkdir()
    (pipeline.data / "datapackage.json").write_text(json.dumps(described))
    path.write_text(f"{SCRIPT}\n1\n{SCRIPT}\n")
    ended = commands.run("pipeline", "run", "--data", str(pipeline.data), "--output", str(pipeline.data))
    assert ended.returncode == 0, ended.stderr


@pytest.mark.usefixtures("hostile")
def test_a_script_as_a_name_shows_as_text_on_the_live_page_and_in_the_report(
    open_tab: OpenTab, serve: Serve, pipeline: Pipeline
) -> None:
    live = open_tab(serve("monitor"))
    report = open_tab((pipeline.data / "report.html").as_uri())
    for tab in (live, report):
        rules = tab.page.get_by_role("region", name="Rejected rows").locator("tbody > tr > *")
        assert rules.all_text_contents() == [FILE, RULE, "1", "3", REASON]
        tab.check_html()
    files = report.page.get_by_role("region", name="Files").get_by_role("rowheader")
    assert files.all_text_contents() == [FILE]
    live.page.get_by_role("region", name="Rejected rows").locator("tbody").get_by_role("link").click()
    found = live.page.locator("tbody > tr > *")
    assert found.all_text_contents() == [FILE, "3", REASON, SCRIPT]
    live.check_html()
