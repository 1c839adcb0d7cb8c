"""Waiting that ends, and says what it waits for."""

import logging
import subprocess
import sys
from collections.abc import Callable

import pytest

from pipeline import waiting
from pipeline.errors import CannotConnectError, DrainTimeoutError, PipelineError, TransientError
from pipeline.waiting import Deadline, retry_transient

OUTLASTED = """
import click
from pipeline.cli import command
from pipeline.errors import TransientError

@click.command
def main():
    raise TransientError("away; retried for 60 s")

command.run(main, "test")
"""


class Clock:
    """Time that passes only in pauses, and in attempts that take some."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(round(seconds, 3))
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(waiting, "time", clock)
    return clock


def failing(clock: Clock, error: PipelineError, *, times: int = 99, seconds: float = 0) -> Callable[[], int]:
    """A function that takes so long and raises so many times before it returns its number of calls."""
    calls = 0

    def attempt() -> int:
        nonlocal calls
        calls += 1
        clock.now += seconds
        if calls <= times:
            raise error
        return calls

    return attempt


def test_a_transient_error_is_retried_after_growing_pauses(clock: Clock) -> None:
    assert retry_transient(failing(clock, TransientError("away"), times=6)) == 7
    assert clock.pauses == [0.1, 0.3, 1.0, 2.0, 4.0, 4.0]


def test_a_retry_that_succeeds_is_logged_if_the_error_was(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "pipeline.waiting")
    retry_transient(failing(clock, TransientError("away"), times=6))
    retry_transient(failing(clock, TransientError("away"), times=6), level=logging.DEBUG)
    retry_transient(failing(clock, TransientError("away"), times=0))
    assert caplog.messages == [
        *(f"away; trying again in {pause} s" for pause in (0.1, 0.3, 1.0, 2.0, 4.0, 4.0)),
        "succeeded after 11.4 s of retries",
    ]


def test_retrying_ends_by_the_clock_with_an_error_that_names_the_fault(clock: Clock) -> None:
    with pytest.raises(TransientError, match=r"^away; retried for 11 s$"):
        retry_transient(failing(clock, TransientError("away")), seconds=10)
    assert clock.pauses == [0.1, 0.3, 1.0, 2.0, 4.0, 4.0]


def test_the_time_that_attempts_take_counts(clock: Clock) -> None:
    with pytest.raises(TransientError, match=r"^frozen; retried for 45 s$"):
        retry_transient(failing(clock, TransientError("frozen"), seconds=15), seconds=45)
    assert clock.pauses == [0.1, 0.3]


def test_other_errors_are_not_retried(clock: Clock) -> None:
    with pytest.raises(PipelineError, match="broken"):
        retry_transient(failing(clock, PipelineError("broken"), times=1))
    assert clock.pauses == []


def test_retrying_ends_at_a_deadline_which_names_the_fault(clock: Clock) -> None:
    with pytest.raises(DrainTimeoutError) as timed_out, Deadline(2) as deadline:
        retry_transient(failing(clock, TransientError("away")), deadline=deadline)
    assert str(timed_out.value) == "DRAIN_TIMEOUT: not done after 2 s: away; run it again when the server answers"
    assert clock.pauses == [0.1, 0.3, 1.0, 0.6]


def test_retrying_ends_at_the_limit_of_the_process(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_limit", 1.0)
    with pytest.raises(DrainTimeoutError, match=r"^DRAIN_TIMEOUT: not done after 1 s: away; "):
        retry_transient(failing(clock, TransientError("away")))
    assert clock.pauses == [0.1, 0.3, 0.6]


def test_other_errors_pass_a_deadline_unchanged(clock: Clock) -> None:
    with pytest.raises(PipelineError, match=r"^broken$"), Deadline(0):
        retry_transient(failing(clock, PipelineError("broken")))


def test_a_server_that_is_starting_is_waited_for_as_long_as_is_set(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "pipeline.waiting")
    attempts = []

    def attempt() -> int:
        attempts.append(1)
        if len(attempts) < 3:
            raise CannotConnectError("refused", is_permanent=False, is_answered=False)
        return len(attempts)

    monkeypatch.setattr(waiting, "_start_limit", 0.0)
    with pytest.raises(DrainTimeoutError, match=r"^REDIS_URL: refused; retried for 0 s; start the server or correct"):
        waiting.retry_at_start(attempt, "REDIS_URL")
    assert len(attempts) == 1
    monkeypatch.setattr(waiting, "_start_limit", 10.0)
    assert waiting.retry_at_start(attempt, "REDIS_URL") == 3
    assert caplog.text.count("waiting for a server that may be starting: refused") == 1


def test_an_outage_that_outlasts_all_retries_ends_a_command_with_the_remedy() -> None:
    command = [sys.executable, "-c", OUTLASTED]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 1
    assert ended.stderr == "error: away; retried for 60 s; start the server if it is down, then run it again\n"
