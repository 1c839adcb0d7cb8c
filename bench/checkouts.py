"""This checkout's pipeline next to that of another one, run in turn on the same rows."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench import wide
from bench.case import Case, Outcomes
from bench.harness import EMPTY, Harness, generate_people
from bench.orders import generate_orders
from pipeline import PROJECT


def checkout_cases(harness: Harness, count: int, names: Sequence[str], other: Path) -> list[Case]:
    """A case for people, and one for each wide table among the names; `other` has an environment in .venv."""
    kinds: list[tuple[str, Path, str]] = []
    if not set(names) <= set(wide.NAMES):
        kinds.append(("people", generate_people(harness.scratch / "data", count).folder, "people"))
    if not set(names).isdisjoint(wide.NAMES):
        orders = generate_orders(harness.scratch / "orders", count)
        folders = {"by-position": orders.by_position, "by-key": orders.by_key}
        kinds += [(name, folder, "orders") for name, folder in folders.items() if name in names]
    return [
        Case(name, count, f"{other.name}, {name}", partial(both, harness, data, count, name, table, other))
        for name, data, table in kinds
    ]


def both(harness: Harness, data: Path, count: int, name: str, table: str, other: Path) -> Outcomes:
    """Each into an empty database, so that making the tables is part of it."""
    for label, checkout in ((other.name, other), ("this checkout", PROJECT)):
        harness.fresh_database(EMPTY)
        measured = harness.measure_pipeline(data, checkout=checkout)
        yield f"{label}, {name}", replace(measured, verified_rows=harness.verify_count(table, count))
