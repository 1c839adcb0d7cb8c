"""`make pictures`: the pictures of the README, taken while the pipeline loads the shipped data and more."""

import base64
import csv
import re
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, expect
from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, SVG_EXPORT_THEME, TerminalTheme
from rich.text import Text

from pipeline import PROJECT
from tests.browser.conftest import SCHEMES, OpenTab, Serve, StartStage
from tests.conftest import Commands, Pipeline
from tests.support import generate, wait_until
from tests.terminals import on_a_terminal

PICTURES = PROJECT / "docs" / "pictures"
SIZE = {"viewport": {"width": 1280, "height": 900}, "device_scale_factor": 1.5}
QUALITY = 85  # percent, of WebP
COLUMNS = 120  # of the terminal
ARCHIVE = 600_000  # people that are being loaded when the pictures are taken
BAD_ROWS = {  # which rows of a file, by their number, get what in which column
    700: ("date_of_birth", "31/12/1987"),
    900: ("place_of_birth", "Atlantis"),
    1_100: ("family_name", ""),
}
THEMES = {"light": DEFAULT_TERMINAL_THEME, "dark": SVG_EXPORT_THEME}
FONT_FROM_THE_NETWORK = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def write_files(data: Path, folder: Path) -> Path:
    """The shipped data, and a file with rows to reject and one that the table refuses; returns a large file, apart."""
    for name in ("places.csv", "people.csv", "example.csv"):
        shutil.copy(PROJECT / "data" / name, data)
    with (data / "people.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows, 1):
        for every, (column, value) in BAD_ROWS.items():
            if number % every == 0:
                row[column] = value
    rows[9_000]["given_name"] = "Test"
    with (data / "people-2026.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return generate(folder, ARCHIVE, seed=2) / "people.csv"


def take(page: Page, name: str) -> None:
    """Light and dark, as WebP."""
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        session = page.context.new_cdp_session(page)
        taken = session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
        (PICTURES / f"{name}-{scheme}.webp").write_bytes(base64.b64decode(taken["data"]))


def draw_terminal(shown: str, scheme: str, theme: TerminalTheme) -> None:
    console = Console(record=True, width=COLUMNS, file=sys.stderr)
    console.print(Text.from_ansi(shown.replace("\r", "")))
    drawn = console.export_svg(title="pipeline status --watch", theme=theme)
    (PICTURES / f"status-{scheme}.svg").write_text(FONT_FROM_THE_NETWORK.sub("", drawn), encoding="utf-8")


def test_pictures(
    pipeline: Pipeline,
    commands: Commands,
    serve: Serve,
    start: StartStage,
    open_tab: OpenTab,
    tmp_path: Path,
) -> None:
    large = write_files(pipeline.data, tmp_path / "large")
    with pipeline.database.transaction() as tx:
        tx.run("ALTER TABLE people ADD CONSTRAINT no_test_people CHECK (given_name <> 'Test')")
    tab = open_tab(serve("monitor"), **SIZE)
    for _ in range(4):
        start("worker")
    start("producer", DATA_DIR=str(pipeline.data), CHUNK_ROWS="1000")
    wait_until(lambda: pipeline.queue.state().failed)
    shutil.copy(large, pipeline.data / "people-2025.csv")
    start("producer", str(pipeline.data / "people-2025.csv"), CHUNK_ROWS="10000")
    archive = tab.page.locator("#loads").get_by_role("row", name="people-2025.csv")
    expect(archive).to_contain_text(re.compile(r"[3-6]\d %"))
    take(tab.page, "live")
    status = ["pipeline", "status"]
    shown = on_a_terminal(status, pipeline.services.environment, columns=COLUMNS)
    for scheme, theme in THEMES.items():
        draw_terminal(shown.written, scheme, theme)
    with pipeline.database.transaction() as tx:
        tx.run("ALTER TABLE people DROP CONSTRAINT no_test_people")
    tab.page.get_by_role("button", name="Retry all").click()
    ended = commands.run("exporter", "--output", str(pipeline.data))
    assert ended.returncode == 0, ended.stderr
    take(open_tab((pipeline.data / "report.html").as_uri(), **SIZE).page, "report")
