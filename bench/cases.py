"""The cases with people: the least that PostgreSQL takes, the pipeline in several situations, and other tools."""

import csv
import shutil
import sys
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

from bench import peers
from bench.case import Case, Outcomes
from bench.harness import PLACES, SCHEMA, SQL, SUMMARY_QUERY, Harness, People, compact, generate_people
from bench.measure import Command, FailedError, Measured
from pipeline import PROJECT
from pipeline.postgres.copy_format import copy_field

SHIPPED = People(PROJECT / "data", 10_000)
LARGE = 10_000_000  # people
BASELINE = "baseline: two parallel COPYs"
PIPELINE = "pipeline, 2 workers"
QUEUEING = "queueing alone"


def people_cases(harness: Harness, people: People, large: bool) -> list[Case]:
    """All but the wide ones. Prepares their files, and the databases that they are copied from."""
    harness.make_templates(people)
    changed = with_changed_line(people, harness.scratch / "changed")
    runs = {
        "baseline": partial(baseline, harness, people, BASELINE),
        "pipeline": partial(pipeline, harness, people, changed),
        "per-row": partial(key_per_row, harness, people),
        "workers": partial(more_workers, harness, people),
        "queueing": partial(queueing, harness, people),
        "psql": partial(psql_script, harness, people),
    }
    found = [Case(name, people.count, BASELINE, run) for name, run in runs.items()]
    found.append(_of_another_size(harness, "small", SHIPPED))
    if large:
        found.append(_of_another_size(harness, "large", generate_people(harness.scratch / "large", LARGE)))
    others = ((peer, partial(peer.run, harness, people)) for peer in peers.PEERS)
    return found + [Case(peer.name, people.count, BASELINE, run, peer.missing()) for peer, run in others]


def baseline(harness: Harness, people: People, name: str) -> Outcomes:
    """Rows whose places are resolved already, into the pipeline's tables by two connections at once."""
    harness.fresh_database(PLACES)
    environment = harness.client_environment()
    yield (
        name,
        verified(
            harness,
            people,
            harness.measure(
                *(
                    Command([sys.executable, "-m", "bench.copying", half], environment, PROJECT, held=True)
                    for half in copy_halves(harness, people)
                )
            ),
        ),
    )


def pipeline(harness: Harness, people: People, changed: People) -> Outcomes:
    """Into an empty database; then the same file again, and the file with a line that has changed."""
    harness.fresh_database(SCHEMA)
    yield PIPELINE, run_pipeline(harness, people, workers=2)
    yield "pipeline, unchanged", run_pipeline(harness, people, workers=2, with_reports=True)
    yield "pipeline, one changed line", run_pipeline(harness, changed, workers=2)
    outcome = harness.rows("SELECT updated, unchanged FROM load_progress WHERE current AND source = 'people.csv'")
    if outcome != [(1, people.count - 1)]:
        raise FailedError(f"one line changed, but updated and unchanged are {outcome}")


def key_per_row(harness: Harness, people: People) -> Outcomes:
    """As a user who was not granted the parameter with which the foreign key is checked once a chunk."""
    url = harness.fresh_database_of_plain_user()
    yield "pipeline, key per row", run_pipeline(harness, people, workers=2, database_url=url)


def more_workers(harness: Harness, people: People) -> Outcomes:
    for workers in (4, 8):
        harness.fresh_database(SCHEMA)
        yield f"pipeline, {workers} workers", run_pipeline(harness, people, workers)


def of_another_size(harness: Harness, people: People, baseline_name: str) -> Outcomes:
    yield from baseline(harness, people, baseline_name)
    harness.fresh_database(SCHEMA)
    yield f"pipeline, {people.count:,} rows", run_pipeline(harness, people, workers=2)


def queueing(harness: Harness, people: People) -> Outcomes:
    """The chunks of people through Redis, and nothing done with them."""
    harness.fresh_database(SCHEMA)
    environment = {**harness.client_environment(), "REDIS_URL": harness.servers.redis_url}
    yield (
        QUEUEING,
        harness.measure(
            Command([sys.executable, "-m", "bench.queueing", people.folder], environment, PROJECT, held=True)
        ),
    )


def psql_script(harness: Harness, people: People) -> Outcomes:
    """The same tables and the same summary, by a script of twenty lines on one connection."""
    harness.fresh_database(SCHEMA)
    summary = harness.scratch / "psql_summary.json"
    script = harness.psql(SQL / "psql_script.sql", people.folder, summary=summary, summary_query=SUMMARY_QUERY)
    measured = harness.measure(script)
    if compact(summary.read_text()) != people.summary:
        raise FailedError("the summary is not the expected one")
    yield "psql script", verified(harness, people, measured)


def run_pipeline(
    harness: Harness, people: People, workers: int, *, with_reports: bool = False, database_url: str | None = None
) -> Measured:
    """`pipeline run`, verified; `with_reports`: with those of the run before in place."""
    measured = harness.measure_pipeline(
        people.folder, workers=workers, with_reports=with_reports, database_url=database_url
    )
    if (harness.output / "summary_output.json").read_bytes() != people.summary:
        raise FailedError("summary_output.json is not the expected one")
    return verified(harness, people, measured)


def verified(harness: Harness, people: People, measured: Measured) -> Measured:
    return replace(measured, verified_rows=harness.verify_people(people))


def _of_another_size(harness: Harness, name: str, people: People) -> Case:
    own_baseline = f"baseline, {people.count:,} rows"
    return Case(name, people.count, own_baseline, partial(of_another_size, harness, people, own_baseline))


def copy_halves(harness: Harness, people: People) -> list[Path]:
    """Two files in COPY's text format, each with half of the rows; made once."""
    halves = [harness.scratch / f"{people.count} {half}.copy" for half in (1, 2)]
    if not halves[-1].exists():
        place_ids = dict(harness.rows("SELECT city, id::text FROM places"))
        with (people.folder / "people.csv").open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file)
            next(rows)
            lines = (
                "\t".join(("1", str(number), *map(copy_field, row[:2]), row[2], place_ids[row[3]])) + "\n"
                for number, row in enumerate(rows, 1)
            )
            for half, count in zip(halves, (people.count // 2, None), strict=True):
                with half.open("w", encoding="utf-8", newline="") as copy:
                    copy.writelines(islice(lines, count))
    return halves


def with_changed_line(people: People, folder: Path) -> People:
    """A copy of the files in which the person in the middle has another given name."""
    shutil.copytree(people.folder, folder)
    with (people.folder / "people.csv").open("rb") as file, (folder / "people.csv").open("wb") as copy:
        copy.writelines(islice(file, 1 + people.count // 2))
        copy.write(b"X" + next(file))  # no given name is in quotes
        copy.writelines(file)
    return People(folder, people.count)
