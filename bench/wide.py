"""The wide table: orders by position and by key, each next to psql's COPY of the same file."""

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.case import Case, Outcomes
from bench.harness import EMPTY, SQL, Harness
from bench.measure import Command, FailedError, Measured
from bench.orders import FIELDS, KEY, generate_orders
from pipeline import PROJECT

NAMES = ("by-position", "by-key")
HASHING = "import hashlib, sys; hashlib.file_digest(open(sys.argv[1], 'rb'), 'sha256')"
COLUMNS = ", ".join(field["name"] for field in FIELDS)
# The same for the same rows in any order.
DIGEST = f"SELECT sum(hashtextextended(ROW({COLUMNS})::text, 0))::text FROM orders"  # noqa: S608 (no input is in it)


def wide_cases(harness: Harness, count: int) -> list[Case]:
    """Prepares their files, and the databases that they are copied from."""
    orders = generate_orders(harness.scratch / "orders", count)
    found = []
    for name, folder in zip(NAMES, (orders.by_position, orders.by_key), strict=True):
        template = f"bench_orders_{name.replace('-', '_')}"
        harness.make_template(template, folder)
        run = partial(wide, harness, folder, count, name, template)
        found.append(Case(name, count, baseline_name(name), run))
    return found


def baseline_name(name: str) -> str:
    return f"psql COPY, wide, {name.replace('-', ' ')}"


def wide(harness: Harness, folder: Path, count: int, name: str, template: str) -> Outcomes:
    """COPY into a table made by hand, the pipeline into an empty database and again, and the file's digest alone."""
    harness.fresh_database(EMPTY)
    with harness.cursor() as cursor:
        cursor.execute((SQL / "orders.sql").read_text())
        if name == "by-key":
            cursor.execute(f"ALTER TABLE orders ADD PRIMARY KEY ({KEY})")
    measured = harness.measure(harness.psql(SQL / "copy_orders.sql", folder))
    digest = harness.value(DIGEST)
    yield baseline_name(name), replace(measured, verified_rows=harness.verify_count("orders", count))

    def verified(measured: Measured) -> Measured:
        if harness.value(DIGEST) != digest:
            raise FailedError("the table does not hold what COPY makes of the file")
        return replace(measured, verified_rows=harness.verify_count("orders", count))

    what = f"pipeline, wide, {name.replace('-', ' ')}"
    harness.fresh_database(template)
    yield what, verified(harness.measure_pipeline(folder))
    yield f"{what}, unchanged", verified(harness.measure_pipeline(folder, with_reports=True))
    if name == "by-position":
        hashing: list[str | Path] = [sys.executable, "-c", HASHING, folder / "orders.csv"]
        yield "hashing the wide file", harness.measure(Command(hashing, harness.client_environment(), PROJECT))
