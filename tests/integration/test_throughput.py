"""Rows per second of the last run of loading, from the commit times of the ledger."""

import pytest

from pipeline.postgres.database import Database
from pipeline.status.throughput import Interval, throughput
from tests.conftest import Pipeline


def commit_chunks(pipeline: Pipeline, *chunks: tuple[float, float | None, int]) -> None:
    """Enters chunks of a load: seconds at which their transactions began, seconds that they took, rows."""
    with pipeline.database.transaction() as tx:
        tx.run("INSERT INTO sources (name, dataset) VALUES ('a.csv', 'a')")
        tx.run(
            "INSERT INTO loads (source_id, sha256, columns, delimiter, row_count, chunk_count)"
            " SELECT id, repeat('0', 64), ARRAY['a'], ',', 1, 1 FROM sources"
        )
        for number, (began, seconds, rows) in enumerate(chunks, start=1):
            tx.run(
                "INSERT INTO load_chunks (load_id, number, first_row, row_count, first_line, byte_offset, byte_count,"
                " sha256, committed_at, inserted, updated, unchanged, rejected, deleted, worker, seconds)"
                " SELECT id, %(number)s, 1, %(rows)s, 2, 0, 1, sha256,"
                " TIMESTAMPTZ '2026-01-01' + %(began)s * interval '1 s', %(rows)s, 0, 0, 0, 0,"
                " CASE WHEN %(seconds)s IS NOT NULL THEN 'w' END, %(seconds)s FROM loads",
                number=number,
                began=began,
                seconds=seconds,
                rows=rows,
            )


def intervals(database: Database) -> list[Interval]:
    with database.transaction() as tx:
        return throughput(tx)


def test_a_chunk_counts_evenly_over_the_time_that_it_took(pipeline: Pipeline) -> None:
    commit_chunks(pipeline, (0, 1, 100), (0.5, 3.5, 700), (2, 2, 20))
    found = intervals(pipeline.database)
    assert [each.seconds for each in found] == [pytest.approx(0.1)] * 40
    assert [round(each.rows, 3) for each in found] == [10] * 5 + [30] * 5 + [20] * 10 + [21] * 20
    assert [(each.began_at - found[0].began_at).total_seconds() for each in found[:3]] == [0, 0.1, 0.2]
    assert found[0].rows_per_second == pytest.approx(100)


def test_only_the_last_run_of_loading_counts(pipeline: Pipeline) -> None:
    """A chunk that takes longer than the pause ends no run."""
    commit_chunks(pipeline, (0, 1, 100), (100, 200, 300), (110, 1, 10), (340, 0.1, 90))
    found = intervals(pipeline.database)
    assert sum(each.rows for each in found) == pytest.approx(400)
    assert len(found) == 40


def test_a_short_run_has_few_intervals(pipeline: Pipeline) -> None:
    commit_chunks(pipeline, (0, 0.25, 100))
    assert [round(each.rows, 2) for each in intervals(pipeline.database)] == [33.33] * 3


def test_chunks_that_no_worker_has_loaded_do_not_count(pipeline: Pipeline) -> None:
    commit_chunks(pipeline, (0, None, 100))
    assert intervals(pipeline.database) == []
