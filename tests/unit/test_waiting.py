"""Waiting that ends, and says what it waits for."""

import pytest

from pipeline.errors import PipelineError, RetryLaterError
from pipeline.waiting import patiently


def failing(times: int, error: PipelineError):
    """A function that raises so many times before it returns its number of calls."""
    calls = 0

    def attempt() -> int:
        nonlocal calls
        calls += 1
        if calls <= times:
            raise error
        return calls

    return attempt


def test_what_the_surroundings_are_at_fault_for_is_tried_again_after_growing_pauses() -> None:
    pauses: list[float] = []
    assert patiently(failing(6, RetryLaterError("away")), sleep=pauses.append) == 7
    assert pauses == [0.1, 0.3, 1.0, 2.0, 4.0, 4.0]


def test_patience_has_an_end_that_names_the_fault() -> None:
    pauses: list[float] = []
    with pytest.raises(RetryLaterError, match=r"^away; not mended within 10 s of trying again$"):
        patiently(failing(99, RetryLaterError("away")), seconds=10, sleep=pauses.append)
    assert 10 <= sum(pauses) <= 14


def test_other_errors_are_not_tried_again() -> None:
    with pytest.raises(PipelineError, match="broken"):
        patiently(failing(1, PipelineError("broken")), sleep=lambda _: None)
