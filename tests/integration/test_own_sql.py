"""SQL of a dataset's own, from DATASETS_DIR: what it makes of rows, and what becomes of rows when it is wrong."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.descriptions import own_sql
from pipeline.descriptions.package import OWN_PACKAGE
from pipeline.errors import InputError, SettingsError
from pipeline.forgetting import forget, forget_rows
from pipeline.postgres.database import Database
from pipeline.tables.described import bring_up_to_date, script, wanted_tables
from tests.conftest import PEOPLE, PLACES, Pipeline, held
from tests.marriages import HEADER, MARRIAGES, SQL, write_package, write_sql
from tests.support import expected_people
from worker.load import ChunkLoader

TEMPLATE = "with_schema"  # tables of datasets are made by the tests
TABLE = (
    "SELECT bride, groom, date::text, name FROM marriages JOIN marriage_places ON marriage_places.id = place_id"
    " ORDER BY 1"
)
LOADED = [
    ("Ann Bell", "Tom Reid", "1871-04-02", "Ayr"),
    ("Jane Gunn", "Hugh Reid", "1874-01-15", "Ayr"),
    ("Mary Kerr", "John Orr", "1873-09-30", "Oban"),
]


@pytest.fixture
def datasets(tmp_path: Path) -> Iterator[Path]:
    """The folder that DATASETS_DIR names, with the SQL of marriages."""
    folder = write_sql(tmp_path / "datasets")
    own_sql.use(folder)
    yield folder
    own_sql.use(None)


@pytest.fixture
def parish(pipeline: Pipeline, datasets: Path) -> Pipeline:  # noqa: ARG001
    """A pipeline whose data folder describes marriages, with their tables."""
    write_package(pipeline.data)
    make_tables(pipeline)
    return pipeline


def make_tables(pipeline: Pipeline) -> bool:
    return bring_up_to_date(pipeline.database, wanted_tables(pipeline.data))


def change_sql(datasets: Path, before: str, after: str) -> None:
    """As an administrator does: the file is changed, and stages are started again."""
    assert before in SQL
    own_sql.use(write_sql(datasets, SQL.replace(before, after)))


def failures(pipeline: Pipeline) -> list[str]:
    return [pipeline.queue.failure(job) for job in pipeline.queue.state().failed.values()]


def places(pipeline: Pipeline) -> list[str]:
    return [name for (name,) in pipeline.rows("SELECT name FROM marriage_places ORDER BY 1")]


def test_rows_go_into_the_tables_of_the_sql(parish: Pipeline) -> None:
    parish.load(2, marriages=MARRIAGES)
    assert parish.rows(TABLE) == LOADED
    assert places(parish) == ["Ayr", "Oban"]
    assert parish.counts("marriages.csv") == {"inserted": 3, "updated": 0, "unchanged": 0, "rejected": 0, "deleted": 0}


def test_versions_are_followed_and_every_row_is_accounted_for(parish: Pipeline) -> None:
    parish.load(marriages=MARRIAGES)
    corrected = (
        MARRIAGES.replace("1873-09-30,Oban", "1873-09-30,Tain") + "Ann Bell,Tom Reid,1871-04-02,Wick\nx,y,z,Ayr\n"
    )
    parish.load(2, marriages=corrected)
    assert parish.counts("marriages.csv") == {"inserted": 0, "updated": 1, "unchanged": 2, "rejected": 2, "deleted": 0}
    assert [row[3] for row in parish.rows(TABLE)] == ["Ayr", "Ayr", "Tain"]
    assert [reason for *_, reason, _ in parish.rejected()] == [
        "bride, groom, date 'Ann Bell, Tom Reid, 1871-04-02' is listed with another place in an earlier row",
        "date 'z' is not a date (YYYY-MM-DD)",
    ]


def test_the_newest_file_decides_and_the_others_decide_when_it_is_forgotten(parish: Pipeline) -> None:
    parish.load(marriages=MARRIAGES)
    parish.load(**{"marriages-2": HEADER + "Ann Bell,Tom Reid,1871-04-02,Wick\nEve Hay,Ian Roy,1880-05-05,Wick\n"})
    assert [row[3] for row in parish.rows(TABLE)] == ["Wick", "Wick", "Ayr", "Oban"]
    with parish.database.transaction() as tx:
        assert [each.rows for each in forget_rows(tx, {"marriages-2.csv"})[0]] == [1]
    assert parish.rows(TABLE) == LOADED
    forget(parish.database, parish.queue, ["marriages.csv"])
    assert parish.rows(TABLE) == []


def test_the_tables_are_made_once_with_the_rights_of_the_stages(parish: Pipeline, datasets: Path) -> None:
    assert not make_tables(parish)
    granted = "SELECT has_table_privilege('pipeline_{}', 'marriage_places', '{}')"
    for stage, privilege, expected in (
        ("worker", "INSERT", True),
        ("producer", "INSERT", True),
        ("producer", "DELETE", True),
        ("exporter", "SELECT", True),
        ("exporter", "UPDATE", False),
    ):
        assert parish.rows(granted.format(stage, privilege)) == [(expected,)]
    with parish.database.transaction() as tx:
        tx.run("REVOKE ALL ON marriage_places FROM pipeline_exporter")
    assert make_tables(parish)
    assert parish.rows(granted.format("exporter", "SELECT")) == [(True,)]
    change_sql(
        datasets, "-- name: decide", "ALTER TABLE marriages ADD COLUMN IF NOT EXISTS note text;\n-- name: decide"
    )
    assert "ADD COLUMN IF NOT EXISTS note text" in script(parish.database, wanted_tables(parish.data))
    assert make_tables(parish)
    assert parish.rows("SELECT note FROM marriages") == []
    assert not make_tables(parish)


def test_changed_sql_needs_the_schema_and_then_loads_every_file_again(parish: Pipeline, datasets: Path) -> None:
    parish.load(marriages=MARRIAGES)
    change_sql(datasets, "SELECT DISTINCT place\nFROM", "SELECT DISTINCT place FROM")
    with pytest.raises(
        SettingsError, match=r"dataset 'marriages': its tables were made with SQL of its own \(SHA-256 "
    ):
        parish.produce()
    with parish.database.transaction() as tx, pytest.raises(SettingsError, match="name the same DATASETS_DIR as for"):
        forget_rows(tx, {"marriages.csv"})
    make_tables(parish)
    assert parish.produce()[0].queued_rows == 3
    parish.work()
    assert parish.counts("marriages.csv")["unchanged"] == 3


@pytest.mark.parametrize("workers_sql", [None, SQL.replace("is_new", "is_fresh")], ids=["none", "another"])
def test_a_worker_with_other_sql_refuses_the_chunk_and_loses_nothing(
    parish: Pipeline, datasets: Path, tmp_path: Path, workers_sql: str | None
) -> None:
    parish.write(marriages=MARRIAGES)
    parish.produce()
    own_sql.use(write_sql(tmp_path / "other", workers_sql) if workers_sql else None)
    parish.work()
    [reason] = failures(parish)
    here = "one of SHA-256 " if workers_sql else "there is none here"
    assert "marriages.csv chunk 1: it was sealed with a marriages.sql of SHA-256 " in reason
    assert here in reason
    assert reason.endswith(
        "give the worker the same DATASETS_DIR as the producer, start it again, then run the producer again"
    )
    assert parish.rows(TABLE) == []

    own_sql.use(datasets)
    parish.loader = ChunkLoader(Database(parish.services.database_url, "tests"))
    parish.load(marriages=MARRIAGES)
    assert parish.rows(TABLE) == LOADED


@pytest.mark.parametrize(
    ("before", "after", "line", "fault"),
    [
        ("FROM {deciding}\nORDER BY place", "FROM {decided}\nORDER BY place", 21, 'syntax error at or near "{"'),
        (
            "SELECT bride, groom, date, place_id FROM decided",
            "SELECT bride, groom, date, plaice FROM decided",
            32,
            "42703",
        ),
        ("SELECT DISTINCT place\n", "SELECT DISTINCT NULL::text AS place\n", 18, "23502 (NotNullViolation)"),
        (
            "count(*) FILTER (WHERE is_new),",
            "",
            18,
            "it has to return one row of 2 whole numbers from 0 on, and did not",
        ),
        ("count(*) FILTER (WHERE is_new),", "-1,", 18, "it has to return one row of 2 whole numbers"),
        ("count(*) FILTER (WHERE is_new),", "9,", 18, "it returned 9 and 0, of fewer incoming rows"),
    ],
)
def test_wrong_sql_is_named_and_loses_nothing(
    parish: Pipeline, datasets: Path, before: str, after: str, line: int, fault: str
) -> None:
    change_sql(datasets, before, after)
    make_tables(parish)
    parish.write(marriages=MARRIAGES)
    parish.produce()
    parish.work()
    [reason] = failures(parish)
    assert f"{datasets}/marriages.sql line {line}, statement decide: " in reason
    assert fault in reason
    assert "\n" not in reason
    assert reason.endswith(
        "correct the file, run `pipeline schema`, start the workers again, then run the producer again"
    )
    assert {job.attempts for job in parish.queue.view().failed_jobs.values()} == {1}
    assert parish.rows("SELECT * FROM marriages_listings") == []

    own_sql.use(write_sql(datasets))
    make_tables(parish)
    parish.loader = ChunkLoader(Database(parish.services.database_url, "tests"))
    parish.load(marriages=MARRIAGES)
    assert parish.rows(TABLE) == LOADED


def test_percent_signs_and_braces_mean_themselves(parish: Pipeline, datasets: Path) -> None:
    change_sql(datasets, "WITH removed", "SELECT 'a%' LIKE '%', '{}'::text[], '{\"a\": 1}'::json;\nWITH removed")
    make_tables(parish)
    parish.load(marriages=MARRIAGES)
    forget(parish.database, parish.queue, ["marriages.csv"])
    assert parish.rows(TABLE) == []


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("text NOT NULL UNIQUE", "txt NOT NULL UNIQUE", 'line 6, table marriage_places: .* type "txt" does not exist'),
        (
            "EXISTS marriage_places (",
            "EXISTS wedding_places (",
            "line 3, table marriage_places: it makes no table marr",
        ),
    ],
)
def test_wrong_sql_of_a_table_changes_nothing(
    pipeline: Pipeline, datasets: Path, before: str, after: str, message: str
) -> None:
    write_package(pipeline.data)
    change_sql(datasets, before, after)
    with pytest.raises(SettingsError, match=message):
        make_tables(pipeline)
    assert pipeline.rows("SELECT to_regclass('marriage_places'), to_regclass('marriages_listings')") == [(None, None)]


def test_sql_without_the_table_of_its_dataset_changes_nothing(pipeline: Pipeline, datasets: Path) -> None:
    write_package(pipeline.data)
    change_sql(datasets, SQL[SQL.index("-- table: marriages") : SQL.index("-- name: decide")], "")
    with pytest.raises(
        SettingsError, match="its SQL makes no table marriages; make it under a line `-- table: marriages`"
    ):
        make_tables(pipeline)
    assert pipeline.rows("SELECT to_regclass('marriage_places')") == [(None,)]


def test_a_table_of_others_is_never_taken(pipeline: Pipeline, datasets: Path) -> None:  # noqa: ARG001
    write_package(pipeline.data)
    with pipeline.database.transaction() as tx:
        tx.run("CREATE TABLE marriage_places (note text)")
    with pytest.raises(SettingsError, match="there is a table marriage_places in schema public already, which was not"):
        make_tables(pipeline)


def test_empty_tables_can_lose_and_get_sql(parish: Pipeline, datasets: Path) -> None:
    own_sql.use(None)
    make_tables(parish)
    parish.load(marriages=MARRIAGES)
    assert len(parish.rows("SELECT bride, groom, date, place, listed_by_load FROM marriages")) == 3
    own_sql.use(datasets)
    with pytest.raises(SettingsError, match=r"that sources share and are to be known by .*, in a table of its own"):
        make_tables(parish)
    forget(parish.database, parish.queue, ["marriages.csv"])
    make_tables(parish)
    parish.load(marriages=MARRIAGES)
    assert parish.rows(TABLE) == LOADED


def test_a_folder_of_sql_that_was_not_named_is_no_reason_to_forget(parish: Pipeline) -> None:
    parish.load(marriages=MARRIAGES)
    own_sql.use(None)
    made = r"dataset 'marriages': its tables were made with a marriages\.sql of SHA-256 \w{12}\.{3}, and there is none"
    remedy = "name the folder of that file with --datasets, or give the resource another name"
    with pytest.raises(SettingsError, match=f"^{made} here; {remedy}$"):
        make_tables(parish)
    assert parish.rows(TABLE) == LOADED


def test_the_data_folder_brings_no_sql(parish: Pipeline, datasets: Path) -> None:
    write_sql(parish.data)
    own_sql.use(parish.data)
    with pytest.raises(SettingsError, match=r"DATASETS_DIR: '.*marriages\.sql' lies in the data folder"):
        parish.produce()
    own_sql.use(None)
    with pytest.raises(SettingsError, match="without SQL of its own"):
        parish.load(marriages=MARRIAGES)
    own_sql.use(datasets)
    path = parish.data / "datapackage.json"
    for name in ("pipeline:sqlSha256", "pipeline:sql"):
        package = json.loads(path.read_text())
        package["resources"][0][name] = "0" * 64
        path.write_text(json.dumps(package))
        with pytest.raises(InputError, match=f"/resources/0/{name}: '{name}' is not a property that is known here"):
            parish.produce()
        write_package(parish.data)
    package["resources"][0] = {**package["resources"][0], "name": f"../{parish.data.name}/marriages"}
    del package["resources"][0]["pipeline:sql"]
    path.write_text(json.dumps(package))
    assert [dataset.sql_sha256 for dataset in own_sql.read_package_of(parish.data).datasets] == [None]


def test_sql_of_a_dataset_without_shared_keys_is_refused(parish: Pipeline) -> None:
    path = parish.data / "datapackage.json"
    path.write_text(path.read_text().replace('"pipeline:sharedKeys": true,', ""))
    with pytest.raises(
        SettingsError, match=r'marriages\.sql: dataset .marriages. shares no keys.*"pipeline:sharedKeys"'
    ):
        make_tables(parish)


def test_a_dataset_can_be_added_next_to_places_and_people(pipeline: Pipeline) -> None:
    """Whose tables stay as they are, since they are described in the same words."""
    package = json.loads(OWN_PACKAGE.read_text(encoding="utf-8"))
    key = {
        "fields": ["place"],
        "reference": {"resource": "places", "fields": ["city"]},
        "pipeline:idColumn": "place_id",
    }
    fields = [
        {"name": name, "type": kind} for name, kind in (("bride", "string"), ("date", "date"), ("place", "string"))
    ]
    marriages = {"name": "marriages", "path": "marriages.csv", "schema": {"fields": fields, "foreignKeys": [key]}}
    (pipeline.data / "datapackage.json").write_text(json.dumps({"resources": [*package["resources"], marriages]}))
    make_tables(pipeline)
    pipeline.load(places=PLACES, people=PEOPLE, marriages="bride,date,place\nAnn,1871-04-02,Ayr\n")
    assert held(pipeline) == expected_people(pipeline.data)
    assert pipeline.rows("SELECT bride, city FROM marriages JOIN places ON places.id = place_id") == [("Ann", "Ayr")]


def test_places_stay_where_they_are_if_other_tables_go_elsewhere(pipeline: Pipeline) -> None:
    bring_up_to_date(pipeline.database, wanted_tables(pipeline.data, "mine"))
    assert pipeline.rows("SELECT name, table_schema FROM datasets ORDER BY 1") == [
        ("examples", "mine"),
        ("people", "public"),
        ("places", "public"),
    ]


def test_the_project_s_sql_can_stand_in_the_folder_too(pipeline: Pipeline, datasets: Path) -> None:
    shutil.copy(OWN_PACKAGE.parent / "places.sql", datasets)
    own_sql.use(datasets)
    make_tables(pipeline)
    pipeline.load(places=PLACES, people=PEOPLE)
    assert held(pipeline) == expected_people(pipeline.data)


def test_sql_is_read_whole_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"DATASETS_DIR: cannot read folder '.*': No such file or directory; create it"
    ):
        own_sql.use(tmp_path / "none")
