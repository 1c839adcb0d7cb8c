"""Any files, versions, chunk sizes and deliveries, against a model that shares no code with the pipeline."""

import contextlib
import random
import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given
from hypothesis import strategies as st

from pipeline.errors import OutOfOrderError
from pipeline.ledger import ledger
from tests.conftest import ANY_VERSION, PLACES, Pipeline, partition
from tests.support import examples
from worker.load import ChunkLoader

CITIES = ("Ayr", "Cork", "Zoë", "Atlantis")  # the last one is in no places file at first
TEXTS = st.sampled_from(
    ["Jean", " Siân ", "Zoe\u0308", 'O\'Neil, "Tip"', "a\tb", "back\\slash", "two\nlines", "", "  ", "x" * 201]
)
DATES = st.sampled_from(["1901-02-03", " 1999-12-31", "2000-02-29", "1900-02-29", "9999-01-01", "never", ""])
ATLANTEAN = ("Plato", "Kerr", "1901-02-03", "Atlantis")
LOADED: list[tuple[str, ...]] = [
    (name, "Kerr", "1901-02-03", "Ayr") for name in "ABCDEFG"
]  # in people before each example
ROWS = st.lists(
    st.one_of(
        st.tuples(TEXTS, TEXTS, DATES, st.sampled_from([*CITIES, "zoe", ""])),
        st.tuples(st.just("Jean"), st.just("Kerr"), st.just("1901-02-03"), st.sampled_from(CITIES)),
        st.lists(st.just("x"), min_size=1, max_size=6).filter(lambda fields: len(fields) != 4).map(tuple),
    ),
    max_size=12,
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["people", "people-2"]),
        ROWS,
        st.sampled_from([12, 3, 0]),  # rows of the version before that are kept, if it has so many
        st.integers(0, 12),  # of these, how many stay above the new rows, which take the place of others
        st.sampled_from([2, 1, 5]),  # rows of a chunk
        st.booleans(),  # whether Atlantis is on the map from now on
        st.integers(0, 2**16),  # decides order, repetition and loss of deliveries
    ),
    min_size=1,
    max_size=4,
)


# The model: what the tables should hold ------------------------------------------------------------


def is_day(text: str) -> bool:
    match = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)", text)
    try:
        return match is not None and date(*map(int, match.groups())) <= date.today()
    except ValueError:
        return False


def model(rows: list[tuple[str, ...]], cities: set[str]) -> tuple[dict[int, tuple[str, ...]], set[int]]:
    """The people and the rejected rows of a file, by row number."""
    people, rejected = {}, set()
    for number, row in enumerate(rows, 1):
        fields = tuple(unicodedata.normalize("NFC", field.strip()) for field in row)
        good = len(fields) == 4 and all(0 < len(field) <= 200 for field in fields[:2])
        if good and is_day(fields[2]) and fields[3] in cities:
            people[number] = fields
        else:
            rejected.add(number)
    return people, rejected


def as_csv(rows: list[tuple[str, ...]]) -> str:
    quoted = [",".join('"' + field.replace('"', '""') + '"' for field in row) for row in rows]
    return "\n".join(["given_name,family_name,date_of_birth,place_of_birth", *quoted]) + "\n"


# The pipeline, with deliveries as they come -------------------------------------------------------


class Deliveries:
    """Hands chunks to a worker in any order: some twice, some never, some long after their time."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._earlier: list[tuple[int, int, str]] = []

    def make(self, rng: random.Random) -> None:
        waiting = self._pipeline.waiting_chunks()
        new = [chunk for chunk in waiting for _ in range(rng.choice((0, 1, 1, 2)))]
        rng.shuffle(new)
        late = rng.sample(self._earlier, min(len(self._earlier), 3))  # perhaps of superseded loads
        self._earlier += new
        for chunk in (*late, *new):
            with contextlib.suppress(OutOfOrderError):
                self._pipeline.loader.load_chunk(*chunk)


def empty(pipeline: Pipeline) -> None:
    """For the next example: nothing loaded, nothing queued, nothing looked up."""
    with pipeline.database.transaction() as tx:
        tx.run(
            "TRUNCATE people, rejected_rows, chunk_texts, load_chunks, loads, sources, places_listings, places,"
            " counties, countries"
        )
    pipeline.queue.connection.flushdb()
    pipeline.loader = ChunkLoader(pipeline.database)
    for path in pipeline.data.iterdir():
        path.unlink()


@pytest.fixture
def carried_over() -> Iterator[list[int]]:
    """Collects how many chunks each example carried over into new versions, and sees to it that there are some."""
    counts: list[int] = []
    yield counts
    assert any(counts)


@pytest.fixture(params=[False, True], ids=["table", "partitions"])
def stored(request: pytest.FixtureRequest, pipeline: Pipeline) -> Pipeline:
    """A pipeline whose people are in one table, or in a partition for each source."""
    if request.param:
        partition(pipeline)
    return pipeline


@examples(
    8,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
@example(steps=[("people", [ATLANTEAN], 12, 5, 2, False, 1), ("people", [], 12, 0, 2, True, 1)])
@example(steps=[("people", [ATLANTEAN], 0, 0, 1, False, 1), ("people", [], 0, 0, 1, True, 1)])
def test_the_tables_always_hold_what_the_model_says(
    stored: Pipeline, carried_over: list[int], steps: list[Any]
) -> None:
    pipeline = stored
    pipeline.limits = ANY_VERSION
    empty(pipeline)
    deliveries = Deliveries(pipeline)
    cities = {"Ayr", "Cork", "Zoë"}
    files: dict[str, list[tuple[str, ...]]] = {"people": list(LOADED)}
    pipeline.load(2, places=PLACES, people=as_csv(LOADED))
    for name, new_rows, kept, position, chunk_rows, with_atlantis, seed in steps:
        cities |= {"Atlantis"} if with_atlantis else set()
        rows = files.get(name, [])[:kept]
        rows[position : position + len(new_rows)] = new_rows
        files[name] = rows
        pipeline.write(
            places="city,county,country\n" + "".join(f"{city},County,Country\n" for city in sorted(cities)),
            **{name: as_csv(rows)},
        )
        pipeline.produce(chunk_rows)
        deliveries.make(random.Random(seed))
    pipeline.produce()  # queues what was lost; rejected rows whose places came later are loaded
    pipeline.take_and_load()
    pipeline.check_reconciliation_of({f"{name}.csv": len(rows) for name, rows in files.items()})
    expected = {name: model(rows, cities) for name, rows in files.items()}
    assert pipeline.people() == [
        (f"{name}.csv", number, *fields)
        for name in sorted(expected, key=lambda name: f"{name}.csv")
        for number, fields in expected[name][0].items()
    ]
    assert [row[:2] for row in pipeline.rejected()] == [
        (f"{name}.csv", number)
        for name in sorted(expected, key=lambda name: f"{name}.csv")
        for number in sorted(expected[name][1])
    ]
    with pipeline.database.transaction() as tx:
        assert ledger.missing_chunks(tx) == []
        in_sealing = "SELECT count(*) FROM load_chunks JOIN loads ON loads.id = load_id WHERE committed_at = sealed_at"
        carried_over.append(tx.value(in_sealing))
