"""Progress for people and for logs."""

import logging

import pytest

from pipeline.cli import progress as module
from pipeline.cli.progress import Progress
from tests.conftest import Terminal


def test_on_a_terminal_there_is_a_bar_with_rows_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    with Progress("loading", 2_000) as bar:
        bar.set(500)
        bar.advance(1_500)
    shown = screen.getvalue()
    assert "loading: 100%" in shown
    assert "2.00k/2.00k" in shown
    assert "rows/s" in shown


def test_rows_that_were_done_before_count_neither_for_the_rate_nor_for_the_time_left(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seconds = 0.0
    monkeypatch.setattr(module.time, "monotonic", lambda: seconds)
    with caplog.at_level(logging.INFO), Progress("loading", 2_000, done=1_000) as bar:
        seconds = 5.0
        bar.set(1_500)
    assert caplog.messages == ["loading: 1500 of 2000 rows, 100 rows/s, 5 s left"]


def test_a_new_version_sealed_meanwhile_makes_no_number_negative(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seconds = 0.0
    monkeypatch.setattr(module.time, "monotonic", lambda: seconds)
    with caplog.at_level(logging.INFO), Progress("loading", 2_000, done=1_500) as bar:
        seconds = 5.0
        bar.set(0, 3_000)
        seconds = 10.0
        bar.set(1_000, 3_000)
    assert caplog.messages == [
        "loading: 0 of 3000 rows, 0 rows/s, time left unknown",
        "loading: 1000 of 3000 rows, 200 rows/s, 10 s left",
    ]


def test_there_is_no_bar_if_all_was_done_before(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    with Progress("loading", 2_000, done=2_000) as bar:
        bar.set(2_000)
    assert screen.getvalue() == ""


def test_elsewhere_there_is_a_line_every_few_seconds(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seconds = 0.0
    monkeypatch.setattr(module.time, "monotonic", lambda: seconds)
    with caplog.at_level(logging.INFO), Progress("loading", 2_000) as bar:
        seconds = 1.0
        bar.set(100)
        assert caplog.messages == []
        seconds = 5.0
        bar.advance(900)
        seconds = 6.0
        bar.set(1_500)
    assert caplog.messages == ["loading: 1000 of 2000 rows, 200 rows/s, 5 s left"]
