"""Progress for people and for logs."""

import logging
import re
import sys
import threading

import pyte
import pytest

from pipeline.cli import progress
from pipeline.cli.bars import Bars
from pipeline.cli.pace import Pace
from pipeline.cli.progress import Progress
from pipeline.wording import speed
from tests.support import Terminal
from tests.terminals import text_of


def test_on_a_terminal_there_is_a_bar_with_rows_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(progress, "DRAW_INTERVAL", 0.0)
    with Progress("loading", 2_000) as bar:
        bar.set(500)
        bar.advance(1_500)
    shown = screen.getvalue()
    assert re.search(r"loading .*━.* 500 of 2,000 .* rows/s .* left", shown)
    assert "2,000 of 2,000" in shown
    assert shown.endswith("\x1b[2K"), "the line is gone at the end"


@pytest.mark.parametrize("variable", ["TERM=dumb", "LOG_FORMAT=json"])
def test_a_terminal_that_cannot_draw_or_shows_json_gets_lines(
    variable: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv(*variable.split("="))
    with Progress("loading", 2_000) as bar:
        bar.set(500)
    assert screen.getvalue() == ""
    assert caplog.messages == []


def test_rows_that_were_done_before_count_neither_for_the_rate_nor_for_the_time_left(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seconds = 0.0
    monkeypatch.setattr("pipeline.cli.pace.time.monotonic", lambda: seconds)
    with caplog.at_level(logging.INFO), Progress("loading", 2_000, done=1_000) as bar:
        seconds = 5.0
        bar.set(1_500)
    assert caplog.messages == ["loading: 1,500 of 2,000 rows, 100 rows/s, 5.0 s left"]


def test_a_new_version_sealed_meanwhile_makes_no_number_negative(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seconds = 0.0
    monkeypatch.setattr("pipeline.cli.pace.time.monotonic", lambda: seconds)
    with caplog.at_level(logging.INFO), Progress("loading", 2_000, done=1_500) as bar:
        seconds = 5.0
        bar.set(0, 3_000)
        seconds = 10.0
        bar.set(1_000, 3_000)
    assert caplog.messages == ["loading: 1,000 of 3,000 rows, 200 rows/s, 10 s left"]


def test_there_is_no_bar_if_all_was_done_before(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    with Progress("loading", 2_000, done=2_000) as bar:
        bar.set(2_000)
    assert screen.getvalue() == ""


def test_elsewhere_there_are_lines_ever_further_apart(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seconds = 0.0
    monkeypatch.setattr("pipeline.cli.pace.time.monotonic", lambda: seconds)
    with caplog.at_level(logging.INFO), Progress("loading", 1_000_000) as bar:
        seconds = 1.0
        bar.set(100)
        assert caplog.messages == []
        seconds = 5.0
        bar.advance(900)
        assert caplog.messages == ["loading: 1,000 of 1,000,000 rows, 200 rows/s, 1 h 23 min left"]
        while seconds < 3600:
            seconds += 1
            bar.advance(200)
    assert len(caplog.messages) == 10, "after 5 s, 10 s, 20 s and so on"


def test_a_speed_agrees_with_its_noun() -> None:
    assert [speed(1.2), speed(0.2), speed(80_000)] == ["1 row/s", "0 rows/s", "80,000 rows/s"]


def test_nothing_done_is_no_news(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    seconds = 0.0
    monkeypatch.setattr("pipeline.cli.pace.time.monotonic", lambda: seconds)
    with caplog.at_level(logging.INFO), Progress("loading", 1_000) as bar:
        seconds = 60.0
        bar.set(0)
        assert caplog.messages == []
        seconds = 61.0
        bar.set(500)
    assert caplog.messages == ["loading: 500 of 1,000 rows, 500 rows/s, 1.0 s left"]


class GoneTerminal(Terminal):
    """As that of a connection that broke."""

    def write(self, text: str) -> int:  # noqa: ARG002
        raise OSError(5, "Input/output error")


def test_a_terminal_that_is_gone_ends_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", GoneTerminal())
    monkeypatch.setattr(progress, "DRAW_INTERVAL", 0.0)
    with Progress("loading", 2_000) as bar:
        bar.set(500)
    bars = Bars(GoneTerminal())
    bars.start()
    bars.say("reading the files")
    bars.print("a line")
    bars.stop()


def test_lines_printed_while_another_thread_draws_leave_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rich computes what to remove before it waits to write. Threads take turns often, to meet in between."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    terminal = Terminal()
    bars = Bars(terminal)
    bars.start()
    lines = [f"line {number}" for number in range(100)]

    def print_lines() -> None:
        for line in lines:
            bars.print(line)

    printing = threading.Thread(target=print_lines)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        printing.start()
        while printing.is_alive():
            for count in (9, 1):
                bars.draw([(f"{number}.csv", Pace(1)) for number in range(count)], ("all", Pace(1)))
        printing.join()
    finally:
        sys.setswitchinterval(interval)
    bars.stop()
    screen = pyte.HistoryScreen(80, 24, history=1_000)
    pyte.Stream(screen).feed(terminal.getvalue().replace("\n", "\r\n"))
    scrolled_off = [text_of(line, 80) for line in screen.history.top]
    assert [line.rstrip() for line in [*scrolled_off, *screen.display] if line.strip()] == lines
