"""New versions of loaded files: compared with the tables before they are sealed, and refused if they would destroy."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.limits import RowLimit
from producer.dry_run import preview
from producer.forecast import Limits, RefusedVersionError
from producer.produce import produce
from producer.scanned import bytes_of
from producer.sources import find_sources
from tests.conftest import ANY_VERSION, PEOPLE, PLACES, Pipeline, named
from tests.integration.test_keyed import described

HEADER, *ROWS = PEOPLE.splitlines(keepends=True)
BAD_DATES = HEADER + "".join(row.replace("19", "19/") for row in ROWS)


def forecast(pipeline: Pipeline, source: str = "people.csv") -> dict[str, int]:
    """What a dry run says of a source."""
    sources = find_sources(pipeline.data, ())
    forecasts = preview(sources, pipeline.database, chunk_rows=2, limits=ANY_VERSION).forecasts
    [found] = [each for each in forecasts if each.source == source]
    names = ("inserted", "updated", "unchanged", "rejected", "deleted")
    return {name: getattr(found, name) for name in names}


def refusal(pipeline: Pipeline, **files: str) -> str:
    """Why new versions are refused; nothing may have changed by it."""
    before = (pipeline.people(), pipeline.rejected(), pipeline.rows("SELECT * FROM loads ORDER BY id"))
    pipeline.write(**files)
    with pytest.raises(RefusedVersionError) as refused:
        pipeline.produce(chunk_rows=2)
    assert refused.value.exit_code == 3
    assert (pipeline.people(), pipeline.rejected(), pipeline.rows("SELECT * FROM loads ORDER BY id")) == before
    assert pipeline.queue.length() == 0
    return str(refused.value)


def test_a_version_that_rejects_more_than_half_of_its_rows_is_refused(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    message = refusal(pipeline, people=BAD_DATES)
    assert message.startswith(
        "people.csv is refused: 4 of the 4 rows would be rejected, where 4 rows are loaded, and --max-rejects 50%"
    )
    with pytest.raises(RefusedVersionError) as refused:
        pipeline.produce()
    assert refused.value.forecasts[0].commonest_reasons() == [
        "people.csv: most often: 4 x date_of_birth is not a date (YYYY-MM-DD), such as"
        " line 2: date_of_birth '19/01-02-03' is not a date (YYYY-MM-DD)"
    ]


def test_cities_that_are_not_known_count_as_rejected(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    assert "4 of the 4 rows" in refusal(pipeline, people=HEADER + "Jean,Kerr,1901-02-03,Atlantis\n" * 4)


def test_cities_that_the_same_run_brings_count_as_known(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    atlantis = "Jean,Kerr,1901-02-03,Atlantis\n" * 4
    pipeline.write(places=PLACES + "Atlantis,Deep,Ocean\n", people=HEADER + atlantis)
    assert forecast(pipeline) == {"inserted": 0, "updated": 4, "unchanged": 0, "rejected": 0, "deleted": 0}
    pipeline.produce()
    pipeline.take_and_load()
    assert pipeline.counts() == {"inserted": 0, "updated": 4, "unchanged": 0, "rejected": 0, "deleted": 0}


def test_half_bad_rows_are_taken_and_the_limit_can_be_set(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    half_bad = HEADER + "".join(ROWS[:2]) + "".join(row.replace("19", "19/") for row in ROWS[2:])
    pipeline.limits = Limits(max_rejects=RowLimit.parse("1"))
    assert "2 of the 4 rows would be rejected" in refusal(pipeline, people=half_bad)
    pipeline.limits = Limits()
    pipeline.load(people=half_bad)
    assert len(pipeline.people()) == 2


def test_a_version_without_a_row_is_refused_unless_it_is_allowed(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    assert "it has no good row, where 4 rows are loaded" in refusal(pipeline, people=HEADER)
    pipeline.limits = Limits(allow_empty=True)
    pipeline.load(people=HEADER)
    assert pipeline.people() == []
    assert pipeline.counts()["deleted"] == 4


def test_a_version_that_shrinks_too_much_is_refused_if_there_is_a_limit(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    pipeline.limits = Limits(max_shrink=RowLimit.parse("50%"))
    assert "1 good row, where 4 rows are loaded: 3 fewer" in refusal(pipeline, people=HEADER + ROWS[0])
    pipeline.load(people=HEADER + ROWS[0] + ROWS[1])
    pipeline.limits = Limits()
    pipeline.load(people=HEADER + ROWS[0])
    assert len(pipeline.people()) == 1


def test_a_bad_version_of_places_is_refused_too(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    assert "places.csv is refused: it has no good row" in refusal(pipeline, places="city,county,country\n")


def test_a_version_is_compared_with_the_table_also_where_the_one_before_is_not_loaded(pipeline: Pipeline) -> None:
    """It was sealed, so that it is the current load, and no worker has begun with it."""
    pipeline.load(places=PLACES, people=PEOPLE)
    pipeline.write(people=PEOPLE.replace("Jean", "Joan"))
    pipeline.produce()
    pipeline.queue.connection.flushdb()
    assert "where 4 rows are loaded" in refusal(pipeline, people=HEADER)


def test_a_first_load_is_not_checked(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("a first load is compared")

    monkeypatch.setattr("producer.preview.Preview._forecast", fail)
    pipeline.load(places=PLACES, people=BAD_DATES)
    assert len(pipeline.rejected()) == 4


def test_only_as_much_is_read_as_it_takes_to_decide(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """One changed row of a hundred, in chunks of ten: the chunks that stay are good enough."""
    people = ["Jean,Kerr,1901-02-03,Ayr\n"] * 100
    pipeline.load(10, places=PLACES, people=HEADER + "".join(people))
    read: list[int] = []

    def noting_number(version: Any, file: Any, chunk: Any) -> bytes:
        read.append(chunk.number)
        return bytes_of(version, file, chunk)

    monkeypatch.setattr("producer.preview.bytes_of", noting_number)
    people[25] = "Joan,Kerr,1901-02-03,Ayr\n"
    pipeline.write(people=HEADER + "".join(people))
    pipeline.produce(chunk_rows=10)
    assert read == [3]


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        (PEOPLE, {"inserted": 0, "updated": 0, "unchanged": 4, "rejected": 0, "deleted": 0}),
        (PEOPLE.replace("Siân", "Sian"), {"inserted": 0, "updated": 1, "unchanged": 3, "rejected": 0, "deleted": 0}),
        (PEOPLE + ROWS[0], {"inserted": 1, "updated": 0, "unchanged": 4, "rejected": 0, "deleted": 0}),
        (HEADER + ROWS[0], {"inserted": 0, "updated": 0, "unchanged": 1, "rejected": 0, "deleted": 3}),
        (HEADER, {"inserted": 0, "updated": 0, "unchanged": 0, "rejected": 0, "deleted": 4}),
        (
            HEADER + ROWS[0] + "Jean,Kerr,never,Ayr\n" + ROWS[3] + ROWS[3] + ROWS[1],
            {"inserted": 1, "updated": 1, "unchanged": 2, "rejected": 1, "deleted": 1},
        ),
    ],
)
def test_a_dry_run_says_what_a_run_then_does(pipeline: Pipeline, people: str, expected: dict[str, int]) -> None:
    pipeline.load(2, places=PLACES, people=PEOPLE)
    before = pipeline.people()
    pipeline.write(people=people)
    assert forecast(pipeline) == expected
    assert pipeline.people() == before
    pipeline.limits = ANY_VERSION
    pipeline.produce(chunk_rows=2)
    pipeline.take_and_load()
    if people != PEOPLE:  # else no new load was made
        assert pipeline.counts() == expected


def test_a_dry_run_on_an_empty_database_says_what_a_first_run_then_does(pipeline: Pipeline) -> None:
    contradiction = PLACES + "Ayr,Elsewhere,Scotland\n" + PLACES.splitlines(keepends=True)[1]
    pipeline.write(places=contradiction, people=PEOPLE + "Jean,Kerr,1901-02-03,Atlantis\n")
    places, people = forecast(pipeline, "places.csv"), forecast(pipeline)
    assert pipeline.rows("SELECT * FROM sources") == []
    pipeline.produce(chunk_rows=2)
    pipeline.take_and_load()
    assert (pipeline.counts("places.csv"), pipeline.counts()) == (places, people)
    assert (places["inserted"], places["unchanged"], places["rejected"]) == (3, 1, 1)
    assert (people["inserted"], people["rejected"]) == (4, 1)


def test_the_history_of_a_source_is_its_last_100_loads(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES)
    with pipeline.database.transaction() as tx:
        tx.run(
            "INSERT INTO loads (source_id, sha256, encoding, columns, delimiter, row_count, chunk_count)"
            " SELECT 1, lpad(number::text, 64, '0'), 'utf-8', '{}', ',', 0, 1 FROM generate_series(1, 150) AS number"
        )
    pipeline.load(places=PLACES + "Barry,Glamorgan,Wales\n")
    assert pipeline.rows("SELECT count(*) FROM loads WHERE source_id = 1") == [(100,)]
    assert pipeline.counts("places.csv")["inserted"] == 1
    assert named(pipeline) == []


def test_a_version_with_no_fewer_good_rows_is_taken_by_default(pipeline: Pipeline) -> None:
    """However many of its rows are bad: what is loaded is no better. A limit that is given holds all the same."""
    pipeline.load(places=PLACES, people=HEADER + ROWS[0] + "Jean,Kerr,never,Ayr\n" * 6)
    corrected = HEADER + ROWS[0] * 2 + "Jean,Kerr,never,Ayr\n" * 5
    pipeline.limits = Limits(max_rejects=RowLimit.parse("50%"))
    assert "5 of the 7 rows would be rejected" in refusal(pipeline, people=corrected)
    pipeline.limits = Limits()
    pipeline.load(people=corrected)
    assert len(pipeline.people()) == 2
    worse = corrected.replace(ROWS[0], "Jean,Kerr,never,Ayr\n", 1)
    assert "6 of the 7 rows would be rejected, where 2 rows are loaded" in refusal(pipeline, people=worse)


def test_a_file_of_another_folder_that_has_the_same_name_is_named(
    pipeline: Pipeline, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    other = tmp_path / "other"
    other.mkdir()
    moved = tmp_path / "moved"
    (other / "people.csv").write_text(PEOPLE.replace("Jean", "Jane"))
    produce(find_sources(other, ()), pipeline.database, pipeline.queue, chunk_rows=None, queue_limit=9)
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        f"people.csv in {other}: the rows that were loaded from {pipeline.data} are replaced, where files of the same"
        " name still are; to keep both, rename a file, or use another database (--state DIR or --database-url URL)"
    ]
    caplog.clear()
    other.rename(moved)
    (moved / "people.csv").write_text(PEOPLE)
    produce(find_sources(moved, ()), pipeline.database, pipeline.queue, chunk_rows=None, queue_limit=9)
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_rows_with_other_keys_count_as_dropped(pipeline: Pipeline) -> None:
    id_field = {"name": "id", "type": "integer"}
    described(pipeline, {"name": "goods", "path": "goods.csv", "schema": {"fields": [id_field], "primaryKey": "id"}})
    pipeline.load(goods="id\n1\n2\n3\n4\n")
    pipeline.limits = Limits(max_shrink=RowLimit.parse("50%"))
    pipeline.write(goods="id\n4\n5\n6\n7\n")
    with pytest.raises(RefusedVersionError, match="it has 4 good rows, where 4 rows are loaded, of which 3 would go,"):
        pipeline.produce()
    pipeline.load(goods="id\n3\n4\n5\n6\n")
