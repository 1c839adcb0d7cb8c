"""A headless Chromium of the distribution, and pages in it that must keep to themselves."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

import html5lib
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from pipeline import PROJECT
from tests.conftest import Commands
from tests.served import serving

REQUIRED = bool(os.environ.get("BROWSER_REQUIRED"))  # set where a browser is there for certain: then no test is skipped
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
SCREENSHOTS = PROJECT / "build" / "screenshots"
DESKTOP = 1280  # pixels
PHONE = 390  # pixels
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
TIMEOUT = 30_000  # milliseconds that a page may take to show something


@pytest.fixture(scope="session", autouse=True)
def browser() -> Iterator[Browser]:
    """Where there is none, all tests of this folder are skipped, or fail if BROWSER_REQUIRED is set."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        missing = f"no browser: none of {', '.join(PROGRAMS)} is on the PATH"
        if REQUIRED:
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program)
        yield started
        started.close()


@dataclass
class Tab:
    """A page, all that it asked for, and all that the browser had to complain about."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(TIMEOUT)
        expect.set_options(timeout=TIMEOUT)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        self.page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))

    def check(self) -> None:
        """Nothing was logged or refused, and no request left this machine."""
        assert self.complaints == []
        assert [url for url in self.requests if urlsplit(url).hostname not in ("127.0.0.1", None)] == []

    def check_looks(self, name: str) -> None:
        """Light and dark, wide and narrow: the page does not scroll sideways, and axe-core finds nothing.

        Leaves screenshots of that name.
        """
        for scheme in SCHEMES:
            self.page.emulate_media(color_scheme=scheme)
            for width in (DESKTOP, PHONE):
                self.page.set_viewport_size({"width": width, "height": 900})
                self.page.screenshot(path=SCREENSHOTS / f"{name}-{scheme}-{width}.png", full_page=True)
                assert self.page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} is too wide"
            found = Axe().run(self.page)
            assert found.violations_count == 0, found.generate_report()

    def check_html(self) -> None:
        """The page as the server sent it is valid."""
        answer = self.page.reload()
        assert answer is not None
        html5lib.HTMLParser(strict=True).parse(answer.text())


def width(locator: Locator) -> float:
    """In pixels, of an element that is shown."""
    box = locator.bounding_box()
    assert box is not None
    return box["width"]


OpenTab = Callable[..., Tab]
Serve = Callable[..., str]
StartStage = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def open_tab(browser: Browser) -> Iterator[OpenTab]:
    """open_tab(url, **options of a browser context). At the end each tab is checked."""
    contexts: list[BrowserContext] = []
    tabs: list[Tab] = []

    def open_at(url: str, **options: Any) -> Tab:
        contexts.append(browser.new_context(**options))
        tabs.append(Tab(contexts[-1].new_page()))
        tabs[-1].page.goto(url)
        return tabs[-1]

    yield open_at
    for context in contexts:
        context.close()
    for tab in tabs:
        tab.check()


@pytest.fixture(autouse=True)  # so that it is set up before the tabs, and ends after them
def serve(commands: Commands) -> Iterator[Serve]:
    """serve("monitor", **environment) starts the module and returns the URL of its page."""
    with ExitStack() as started:
        yield lambda module, **environment: started.enter_context(serving(commands, module, **environment))


@pytest.fixture
def start(commands: Commands) -> Iterator[StartStage]:
    """Starts a stage, which is killed at the end."""
    started = []

    def start_stage(*command: str, **environment: str) -> "subprocess.Popen[str]":
        started.append(commands.start(*command, **environment))
        return started[-1]

    yield start_stage
    for process in started:
        process.send_signal(signal.SIGKILL)
        process.communicate()
