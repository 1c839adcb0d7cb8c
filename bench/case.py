"""A case: what is measured in one go, next to a baseline."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.measure import Measured

Outcomes = Iterator[tuple[str, Measured]]  # name, and what it cost


@dataclass(frozen=True)
class Case:
    """One or more outcomes, run in this order in each round."""

    name: str  # as --only has it
    rows: int  # of the largest table
    baseline: str  # name of the outcome that the others are compared with
    run: Callable[[], Outcomes]  # raises FailedError
    missing: str | None = None  # why it cannot take part
