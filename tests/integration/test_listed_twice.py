"""Cities that two files list: one outcome, in any order of their chunks."""

from itertools import permutations

import pytest

from pipeline.errors import OutOfOrderError
from producer.dry_run import preview
from producer.sources import find_sources
from tests.conftest import Pipeline

HEADER = "city,county,country\n"


def county_of_ayr(pipeline: Pipeline) -> str:
    [(county,)] = pipeline.rows("SELECT name FROM places JOIN counties ON counties.id = county_id WHERE city = 'Ayr'")
    return str(county)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_file_sealed_last_decides_and_contradictions_are_rejected(
    pipeline: Pipeline, order: tuple[int, ...]
) -> None:
    """The first file lists Ayr twice, in two chunks; a chunk of the second file may come in between."""
    first = HEADER + "Ayr,First,Scotland\nOban,Argyll,Scotland\nAyr,Contradiction,Scotland\n"
    pipeline.write(**{"places-1": first, "places-2": HEADER + "Ayr,Second,Scotland\n"})
    pipeline.produce(chunk_rows=2)
    chunks = pipeline.waiting_chunks()
    assert len(chunks) == 3
    waiting = [chunks[position] for position in order]
    while waiting:
        chunk = waiting.pop(0)
        try:
            pipeline.loader.load_chunk(*chunk)
        except OutOfOrderError:
            waiting.append(chunk)
    assert county_of_ayr(pipeline) == "Second"
    assert [row[:2] for row in pipeline.rejected()] == [("places-1.csv", 3)]


def test_a_city_that_the_deciding_file_drops_is_as_the_other_file_lists_it(pipeline: Pipeline) -> None:
    pipeline.load(**{"places-1": HEADER + "Ayr,First,Scotland\n", "places-2": HEADER + "Ayr,Second,Scotland\n"})
    pipeline.load(**{"places-1": HEADER + "Ayr,Again,Scotland\n"})
    assert county_of_ayr(pipeline) == "Again"
    pipeline.load(**{"places-1": HEADER + "Oban,Argyll,Scotland\n"})
    assert county_of_ayr(pipeline) == "Second"
    pipeline.load(**{"places-2": HEADER + "Oban,Argyll,Scotland\n"})
    assert county_of_ayr(pipeline) == "Second"  # places are never removed


def test_a_preview_lets_a_file_that_stays_as_it_is_decide_nothing(pipeline: Pipeline) -> None:
    """Its chunks are looked at for their rejected rows, and Ayr stays as the file sealed after it lists it."""
    repeating = HEADER + "Ayr,First,Scotland\nAyr,Contradiction,Scotland\n"
    pipeline.load(**{"places-1": repeating, "places-2": HEADER + "Ayr,Second,Scotland\n"})
    pipeline.write(**{"places-2": HEADER + "Ayr,Second,Scotland\nOban,Argyll,Scotland\n"})
    sources = find_sources(pipeline.data, ())
    foreseen = {each.source: each for each in preview(sources, pipeline.database, chunk_rows=None).forecasts}
    pipeline.load()
    counts = pipeline.counts("places-2.csv")
    assert {name: getattr(foreseen["places-2.csv"], name) for name in counts} == counts
    assert counts == {"inserted": 1, "updated": 0, "unchanged": 1, "rejected": 0, "deleted": 0}
    assert foreseen["places-1.csv"].rejected == pipeline.counts("places-1.csv")["rejected"] == 1
    assert county_of_ayr(pipeline) == "Second"
