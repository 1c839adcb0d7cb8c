"""A content that the ledger has planned is not scanned again; what it decides so, it verifies under the lock."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from pipeline.errors import InputError
from pipeline.forgetting import forget_rows
from pipeline.ledger.load import LoadPlan
from producer import first_pass as module
from producer.files import content
from producer.files.encodings import Encodings
from producer.produce import produce
from producer.scan import scan
from producer.sources import Source, find_sources
from tests.conftest import PEOPLE, PLACES, Pipeline, named

HEADER = PEOPLE.splitlines(keepends=True)[0]
JEAN, TADHG, SIAN, _ = PEOPLE.splitlines(keepends=True)[1:]
UNKNOWN = "Plato,Kerr,1901-02-03,Atlantis\n"


@pytest.fixture
def scanned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the sources that were scanned, as it happens."""
    names = []

    def scan_and_note(source: Source, file: IO[bytes], chunk_rows: int | None) -> LoadPlan:
        names.append(source.name)
        return scan(source, file, chunk_rows)

    monkeypatch.setattr(module, "scan", scan_and_note)
    return names


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Has something happen once, between the look at the ledger and the lock."""

    def install(happen: Callable[[], object]) -> None:
        def fingerprint(file: IO[bytes]) -> str:
            monkeypatch.undo()
            happen()
            return content.fingerprint(file)

        monkeypatch.setattr(module, "fingerprint", fingerprint)

    return install


def write_as(path: Path, text: str, encoding: str) -> None:
    encoded = text.encode(encoding)
    path.write_bytes(gzip.compress(encoded) if path.suffix == ".gz" else encoded)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16"])
@pytest.mark.parametrize("name", ["people.csv", "people.csv.gz"])
def test_what_is_unchanged_is_not_scanned(pipeline: Pipeline, scanned: list[str], name: str, encoding: str) -> None:
    pipeline.load(places=PLACES)
    path = pipeline.data / name

    def run() -> tuple[int, int]:
        sources = find_sources(pipeline.data, (path,))
        [done] = produce(
            sources,
            pipeline.database,
            pipeline.queue,
            chunk_rows=2,
            queue_limit=9,
            encodings=Encodings.parse([encoding]),
        )
        pipeline.take_and_load()
        return done.row_count, done.queued_chunks

    write_as(path, PEOPLE, encoding)
    assert run() == (4, 2)
    scanned.clear()
    assert run() == (4, 0)
    assert scanned == []
    write_as(path, PEOPLE + TADHG, encoding)
    assert run() == (5, 1)
    assert scanned == ["people.csv"]
    assert len(pipeline.people()) == 5


def test_an_interrupted_load_goes_on_without_another_scan(pipeline: Pipeline, scanned: list[str]) -> None:
    pipeline.write(places=PLACES, people=PEOPLE)
    pipeline.produce(chunk_rows=1)
    pipeline.queue.connection.flushdb()
    scanned.clear()
    assert [(done.row_count, done.queued_chunks) for done in pipeline.produce()] == [(3, 3), (4, 4)]
    assert scanned == []
    pipeline.take_and_load()
    pipeline.check_reconciliation()
    assert [number for number, _ in named(pipeline)] == [1, 2, 3, 4]


def test_rejected_rows_come_back_without_another_scan(pipeline: Pipeline, scanned: list[str]) -> None:
    pipeline.load(1, places=PLACES, people=HEADER + JEAN + UNKNOWN)
    pipeline.write(places=PLACES + "Atlantis,The Deep,Nowhere\n")
    scanned.clear()
    assert [done.queued_rows for done in pipeline.produce(1)] == [4, 1]
    assert scanned == ["places.csv"]
    pipeline.take_and_load()
    assert named(pipeline) == [(1, "Jean"), (2, "Plato")]


def test_beside_a_broken_file_a_known_one_stays_as_it_is(pipeline: Pipeline) -> None:
    """Not even rejected rows become missing: the reports can still be written."""
    pipeline.load(1, places=PLACES, people=HEADER + JEAN + UNKNOWN)
    pipeline.write(places=PLACES + "Atlantis,The Deep,Nowhere\n")
    places = find_sources(pipeline.data, (pipeline.data / "places.csv",))
    produce(places, pipeline.database, pipeline.queue, chunk_rows=1, queue_limit=9)
    pipeline.take_and_load()
    (pipeline.data / "people").mkdir()
    pipeline.write(**{"people/broken": HEADER + '"never closed'})
    before = pipeline.rows("SELECT * FROM load_chunks ORDER BY load_id, number")
    with pytest.raises(InputError, match=r"people/broken\.csv line 2: a quote opens here"):
        pipeline.produce()
    assert pipeline.rows("SELECT * FROM load_chunks ORDER BY load_id, number") == before
    assert pipeline.queue.length() == 0


def test_a_source_that_is_forgotten_meanwhile_is_loaded_again(
    pipeline: Pipeline, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    other = Pipeline(pipeline.services, pipeline.data)

    def forget() -> None:
        with other.database.transaction() as tx:
            assert [each.rows for each in forget_rows(tx, {"people.csv"})[0]] == [4]

    people = find_sources(pipeline.data, (pipeline.data / "people.csv",))
    meanwhile(forget)
    [done] = produce(people, pipeline.database, pipeline.queue, chunk_rows=2, queue_limit=9)
    assert (done.row_count, done.queued_chunks) == (4, 2)
    pipeline.take_and_load()
    pipeline.check_reconciliation()
    assert len(pipeline.people()) == 4


def test_a_content_that_is_superseded_meanwhile_is_loaded_again(
    pipeline: Pipeline, tmp_path: Path, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    """As ever, the load that was sealed last is the one that counts."""
    pipeline.load(places=PLACES, people=HEADER + JEAN + TADHG)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    other = Pipeline(pipeline.services, elsewhere)
    people = find_sources(pipeline.data, (pipeline.data / "people.csv",))
    meanwhile(lambda: other.load(places=PLACES, people=HEADER + SIAN))
    [done] = produce(people, pipeline.database, pipeline.queue, chunk_rows=1, queue_limit=9)
    assert (done.row_count, done.queued_chunks) == (2, 2)
    assert named(pipeline) == [(1, "Siân")]
    pipeline.take_and_load()
    pipeline.check_reconciliation()
    assert named(pipeline) == [(1, "Jean"), (2, "Tadhg")]
