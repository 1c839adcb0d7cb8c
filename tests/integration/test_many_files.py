"""Many small files: their chunks travel in groups, and each file still is a source of its own."""

import random
import resource
from collections import Counter
from typing import Any

import psutil
import pytest

from pipeline.ledger import ledger
from pipeline.ledger.sealing import Version, seal
from pipeline.postgres.transaction import Transaction
from pipeline.queue import ChunkQueue
from producer.produce import produce
from producer.sources import find_sources
from tests.conftest import PEOPLE, PLACES, Pipeline

HEADER, JEAN, TADHG, *_ = PEOPLE.splitlines(keepends=True)
FILES = 25
GROUP = 10  # chunks in a job, and loads that are sealed at once; a tenth of what a producer takes, as are the files
SIZES = (0, 1, 2, 499, 500, 1000, 1500)  # rows of a file; below 500 its chunk shares a job with others
MIXES = 12


@pytest.fixture
def many(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    """Places, and as many files of people as make several groups; every other one has a bad row."""
    monkeypatch.setattr("producer.jobs.GROUP_CHUNKS", GROUP)
    monkeypatch.setattr("producer.seal_all.SEALED_AT_ONCE", GROUP)
    write_files(pipeline, FILES)
    return pipeline


def write_files(pipeline: Pipeline, count: int) -> None:
    (pipeline.data / "people").mkdir()
    pipeline.write(places=PLACES)
    for number in range(count):
        bad = "Jean,Kerr,never,Ayr\n" if number % 2 else ""
        pipeline.write(**{f"people/{number:03}": HEADER + JEAN + bad + TADHG})


def expected(count: int = FILES) -> list[tuple[str, int, str]]:
    return [
        (f"people/{number:03}.csv", row, name)
        for number in range(count)
        for row, name in ((1, "Jean"), (3 if number % 2 else 2, "Tadhg"))
    ]


def loaded(pipeline: Pipeline) -> list[tuple[str, int, str]]:
    return [person[:3] for person in pipeline.people()]


def test_small_files_are_loaded_in_a_few_jobs(many: Pipeline) -> None:
    many.produce()
    assert many.queue.length() == 1 + 3
    many.work()
    assert loaded(many) == expected()
    assert len(many.rejected()) == FILES // 2
    assert {result.queued_chunks for result in many.produce()} == {0}


def test_only_one_file_is_open_at_a_time(many: Pipeline) -> None:
    """Each open file was kept until the end, and a thousand are as many as a process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (psutil.Process().num_fds() + 20, hard))
    try:
        many.produce()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    many.work()
    assert loaded(many) == expected()


def test_what_a_lost_group_had_not_loaded_is_queued_again(many: Pipeline) -> None:
    many.produce()
    many.queue.connection.flushdb()
    many.produce()
    many.work()
    assert loaded(many) == expected()


def test_a_chunk_that_can_never_be_loaded_keeps_no_other_of_its_group_from_being_loaded(
    many: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = ChunkQueue.put

    def put_another_text(queue: ChunkQueue, *members: tuple[Any, ...]) -> None:
        put(queue, *((chunk, "x" if chunk.source == "people/007.csv" else text) for chunk, text in members))

    with monkeypatch.context() as patch:
        patch.setattr(ChunkQueue, "put", put_another_text)
        many.produce()
    many.work()
    assert loaded(many) == [row for row in expected() if row[0] != "people/007.csv"]
    [job_id] = set(many.queue.state().failed.values())
    assert many.queue.failure(job_id).startswith("people/007.csv chunk 1")
    [again] = [result for result in many.produce() if result.queued_chunks]
    assert again.source == "people/007.csv"
    assert not many.queue.state().failed
    many.work()
    assert loaded(many) == expected()


def test_a_new_version_of_one_file_leaves_the_rest_of_its_group_alone(many: Pipeline) -> None:
    many.load()
    many.write(**{"people/010": HEADER + JEAN.replace("Jean", "Joan") + TADHG})
    assert [result.source for result in many.produce() if result.queued_chunks] == ["people/010.csv"]
    many.work()
    changed = [row if row[:2] != ("people/010.csv", 1) else (*row[:2], "Joan") for row in expected()]
    assert loaded(many) == changed


def test_a_hundred_small_files_share_a_transaction_and_a_job(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as a producer takes, unlike in the other tests."""
    write_files(pipeline, 205)
    sealed: list[int] = []

    def counting(tx: Transaction, versions: list[Version]) -> object:
        sealed.append(len(versions))
        return seal(tx, versions)

    monkeypatch.setattr("producer.seal_all.seal", counting)
    pipeline.produce()
    assert sealed == [100, 100, 6]
    assert pipeline.queue.length() == 1 + 3
    pipeline.work()
    assert loaded(pipeline) == expected(205)


def queued(pipeline: Pipeline) -> Counter[tuple[int, int]]:
    """Load and number of each chunk on the queue."""
    return Counter((load, number) for load, number, _ in pipeline.waiting_chunks())


def missing(pipeline: Pipeline) -> Counter[tuple[int, int]]:
    with pipeline.database.transaction() as tx:
        return Counter((chunk.load, chunk.plan.number) for chunk in ledger.missing_chunks(tx))


def test_each_chunk_of_any_mix_of_file_sizes_is_queued_once(pipeline: Pipeline) -> None:
    """Small files before and after a larger one had two jobs of one id, of which the second was never queued."""
    rng = random.Random(0)
    pipeline.load(places=PLACES)
    rows = Counter({"places.csv": 3})
    for mix in range(MIXES):
        for number in range(rng.randint(1, 7)):
            name, size = f"people-{rng.randrange(1000):03}-{mix}-{number}", rng.choice(SIZES)
            pipeline.write(**{name: HEADER + JEAN * size})
            rows[f"{name}.csv"] = size
        files = sorted(pipeline.data.glob("people-*.csv"))
        some = find_sources(pipeline.data, tuple(rng.sample(files, rng.randint(0, len(files)))) or (files[0],))
        produce(some, pipeline.database, pipeline.queue, chunk_rows=None, queue_limit=1000)
        if rng.random() < 0.3:
            pipeline.queue.connection.flushdb()
        pipeline.produce()
        assert queued(pipeline) == missing(pipeline)
        pipeline.work()
        assert not missing(pipeline)
        pipeline.check_reconciliation_of(rows)
