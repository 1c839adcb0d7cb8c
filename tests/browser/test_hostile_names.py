"""Markup in the names of files and rules, and in rows, is shown as the text that it is."""

import json

import pytest

from tests.browser.conftest import OpenTab, Serve
from tests.conftest import Commands, Pipeline

SCRIPT = "<script>alert(1)</script>"
FILE = f"{SCRIPT}.csv"  # with its slash, a file in a folder
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
def test_a_script_as_a_name_shows_as_text(open_tab: OpenTab, serve: Serve) -> None:
    tab = open_tab(serve("monitor"))
    rules = tab.page.get_by_role("region", name="Rejected rows").locator("tbody > tr > *")
    reason = f"{SCRIPT} '{SCRIPT}' is not a whole number"
    assert rules.all_text_contents() == [FILE, f"{SCRIPT} is not a whole number", "1", "3", reason]
    rules.get_by_role("link").click()
    found = tab.page.locator("tbody > tr > *")
    assert found.all_text_contents() == [FILE, "3", reason, SCRIPT]
    tab.check_html()
