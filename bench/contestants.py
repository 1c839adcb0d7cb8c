"""Who competes: the least that PostgreSQL takes, the pipeline in several situations, and what one might use instead."""

import csv
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

from bench import peers
from bench.arena import PLACES, SCHEMA, SQL, SUMMARY_QUERY, Arena, People, compact, generate
from bench.measure import Command, FailedError, Measured
from pipeline import PROJECT
from pipeline.postgres.database import copy_field

SHIPPED = People(PROJECT / "data", 10_000)
LARGE = 10_000_000  # people
LIMIT = "limit: two parallel COPYs"
PIPELINE = "pipeline, 2 workers"
QUEUEING = "queueing alone"

Outcomes = Iterator[tuple[str, Measured]]  # name, and what it cost


@dataclass(frozen=True)
class Contestant:
    """One or more outcomes, run in this order in each round."""

    name: str  # as --only has it
    people: int  # rows of people
    run: Callable[[], Outcomes]  # raises FailedError
    missing: str | None = None  # why it cannot take part


def contestants(arena: Arena, people: People, large: bool) -> list[Contestant]:
    """All of them. Prepares their files, and the databases that they are copied from."""
    arena.make_templates(people)
    changed = with_changed_line(people, arena.scratch / "changed")
    found = [
        Contestant("limit", people.count, partial(limit, arena, people, LIMIT)),
        Contestant("pipeline", people.count, partial(pipeline, arena, people, changed)),
        Contestant("per-row", people.count, partial(key_per_row, arena, people)),
        Contestant("workers", people.count, partial(more_workers, arena, people)),
        Contestant("small", SHIPPED.count, partial(of_another_size, arena, SHIPPED)),
        Contestant("queueing", people.count, partial(queueing, arena, people)),
        Contestant("psql", people.count, partial(psql_script, arena, people)),
    ]
    if large:
        many = generate(arena.scratch / "large", LARGE)
        found.append(Contestant("large", many.count, partial(of_another_size, arena, many)))
    others = ((peer, partial(peer.run, arena, people)) for peer in peers.PEERS)
    return found + [Contestant(peer.name, people.count, run, peer.missing()) for peer, run in others]


def limit(arena: Arena, people: People, name: str) -> Outcomes:
    """Rows whose places are resolved already, into the pipeline's tables by two connections at once."""
    arena.fresh_database(PLACES)
    environment = arena.client_environment()
    yield (
        name,
        verified(
            arena,
            people,
            arena.measure(
                *(
                    Command([sys.executable, "-m", "bench.copying", half], environment, PROJECT, held=True)
                    for half in copy_halves(arena, people)
                )
            ),
        ),
    )


def pipeline(arena: Arena, people: People, changed: People) -> Outcomes:
    """Into an empty database; then the same file again, and the file with a line that has changed."""
    arena.fresh_database(SCHEMA)
    yield PIPELINE, run_pipeline(arena, people, workers=2)
    yield "pipeline, unchanged", run_pipeline(arena, people, workers=2, with_reports=True)
    yield "pipeline, one changed line", run_pipeline(arena, changed, workers=2)
    outcome = arena.rows("SELECT updated, unchanged FROM load_progress WHERE current AND source = 'people.csv'")
    if outcome != [(1, people.count - 1)]:
        raise FailedError(f"one line changed, but updated and unchanged are {outcome}")


def key_per_row(arena: Arena, people: People) -> Outcomes:
    """As a user who was not granted the parameter with which the foreign key is checked once a chunk."""
    url = arena.fresh_database_of_plain_user()
    yield "pipeline, key per row", run_pipeline(arena, people, workers=2, database_url=url)


def more_workers(arena: Arena, people: People) -> Outcomes:
    for workers in (4, 8):
        arena.fresh_database(SCHEMA)
        yield f"pipeline, {workers} workers", run_pipeline(arena, people, workers)


def of_another_size(arena: Arena, people: People) -> Outcomes:
    yield from limit(arena, people, f"limit, {people.count:,} rows")
    arena.fresh_database(SCHEMA)
    yield f"pipeline, {people.count:,} rows", run_pipeline(arena, people, workers=2)


def queueing(arena: Arena, people: People) -> Outcomes:
    """The chunks of people through Redis, and nothing done with them."""
    arena.fresh_database(SCHEMA)
    environment = {**arena.client_environment(), "REDIS_URL": arena.servers.redis_url}
    yield (
        QUEUEING,
        arena.measure(
            Command([sys.executable, "-m", "bench.queueing", people.folder], environment, PROJECT, held=True)
        ),
    )


def psql_script(arena: Arena, people: People) -> Outcomes:
    """The same tables and the same summary, by a script of twenty lines on one connection."""
    arena.fresh_database(SCHEMA)
    summary = arena.scratch / "psql_summary.json"
    script = arena.psql(SQL / "psql_script.sql", people=people, summary=summary, summary_query=SUMMARY_QUERY)
    measured = arena.measure(script)
    if compact(summary.read_text()) != people.summary:
        raise FailedError("the summary is not the expected one")
    yield "psql script", verified(arena, people, measured)


def run_pipeline(
    arena: Arena, people: People, workers: int, *, with_reports: bool = False, database_url: str | None = None
) -> Measured:
    """`pipeline run`; `with_reports`: with those of the run before in place."""
    output = arena.scratch / "output"
    if not with_reports:
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir()
    urls = {"DATABASE_URL": database_url or arena.url(), "REDIS_URL": arena.servers.redis_url}
    options = ["--data", people.folder, "--output", output, "--workers", str(workers)]
    command = [sys.executable, "-m", "pipeline", "run", *options]
    measured = arena.measure(Command(command, {**arena.client_environment(), **urls}, PROJECT))
    summary = output / "summary_output.json"
    if summary.read_bytes() != people.summary:
        raise FailedError("summary_output.json is not the expected one")
    return verified(arena, people, measured)


def verified(arena: Arena, people: People, measured: Measured) -> Measured:
    return replace(measured, verified_rows=arena.verify_people(people))


def copy_halves(arena: Arena, people: People) -> list[Path]:
    """Two files in COPY's text format, each with half of the rows; made once."""
    halves = [arena.scratch / f"{people.count} {half}.copy" for half in (1, 2)]
    if not halves[-1].exists():
        place_ids = dict(arena.rows("SELECT city, id::text FROM places"))
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
