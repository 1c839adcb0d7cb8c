"""`pipeline schema`: from a description to tables, as a command."""

import json
import subprocess
from collections.abc import Mapping
from typing import Any

import psycopg2

from tests.conftest import Commands, Pipeline

GOODS: dict[str, Any] = {
    "name": "goods",
    "path": "goods.csv",
    "schema": {
        "primaryKey": ["code"],
        "fields": [
            {"name": "code", "type": "string"},
            {"name": "price", "type": "integer", "title": "100 %\n\x1b[31m"},
        ],
    },
}

TEMPLATE = "with_schema"  # tables of datasets are made by the tests


def describe(pipeline: Pipeline, resource: Mapping[str, object]) -> None:
    (pipeline.data / "datapackage.json").write_text(json.dumps({"resources": [resource]}))


def schema(commands: Commands, pipeline: Pipeline, *options: str) -> "subprocess.CompletedProcess[str]":
    return commands.run("pipeline", "schema", "--data", str(pipeline.data), *options)


def test_a_described_dataset_gets_its_table(commands: Commands, pipeline: Pipeline) -> None:
    describe(pipeline, GOODS)
    made = schema(commands, pipeline)
    assert (made.returncode, "has the tables of schema.sql and of goods" in made.stderr) == (0, True)
    assert pipeline.rows("SELECT * FROM goods") == []
    assert "is up to date with schema.sql and goods" in schema(commands, pipeline).stderr


def test_a_folder_without_a_description_has_the_datasets_of_the_project(commands: Commands, pipeline: Pipeline) -> None:
    assert "schema.sql and of places, people, examples" in schema(commands, pipeline).stderr
    assert pipeline.rows("SELECT name FROM datasets ORDER BY 1") == [("examples",), ("people",), ("places",)]
    assert pipeline.rows("SELECT * FROM examples") == []


def test_the_sql_is_printed_as_it_would_be_run(commands: Commands, pipeline: Pipeline) -> None:
    describe(pipeline, GOODS)
    printed = schema(commands, pipeline, "--table-schema", "mine", "--print")
    assert printed.returncode == 0
    assert printed.stdout.startswith("BEGIN;\n")
    assert "\x1b" not in printed.stdout
    assert pipeline.rows("SELECT to_regnamespace('mine')") == [(None,)]

    with psycopg2.connect(pipeline.services.database_url) as connection:
        connection.autocommit = True
        connection.cursor().execute(printed.stdout)
    assert pipeline.rows("SELECT * FROM mine.goods") == []
    assert schema(commands, pipeline, "--print").stdout == ""
    assert pipeline.rows("SELECT col_description('mine.goods'::regclass, 2)") == [("100 %\n\x1b[31m",)]


def test_partitions_are_an_option_that_stays(commands: Commands, pipeline: Pipeline) -> None:
    partitioned = "SELECT relname FROM pg_class WHERE relkind = 'p' ORDER BY 1"
    with pipeline.database.transaction() as tx:
        tx.run("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    printed = schema(commands, pipeline, "--partition-by", "source", "--print")
    with psycopg2.connect(pipeline.services.database_url) as connection:
        connection.autocommit = True
        connection.cursor().execute(printed.stdout)
    assert pipeline.rows(partitioned) == [("examples",), ("people",)]
    assert schema(commands, pipeline).returncode == 0
    for option in ((), ("--partition-by", "source")):
        assert schema(commands, pipeline, *option, "--print").stdout == ""
    assert pipeline.rows(partitioned) == [("examples",), ("people",)]
    refused = schema(commands, pipeline, "--partition-by", "load")
    assert (refused.returncode, "--partition-by" in refused.stderr) == (2, True)


def test_the_sql_for_an_empty_database_begins_with_schema_sql(commands: Commands, pipeline: Pipeline) -> None:
    with pipeline.database.transaction() as tx:
        tx.run("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    printed = schema(commands, pipeline, "--print").stdout
    with psycopg2.connect(pipeline.services.database_url) as connection:
        connection.autocommit = True
        connection.cursor().execute(printed)
    assert pipeline.rows("SELECT name FROM datasets ORDER BY 1") == [("examples",), ("people",), ("places",)]


def test_a_change_that_would_reinterpret_values_is_refused(commands: Commands, pipeline: Pipeline) -> None:
    describe(pipeline, GOODS)
    schema(commands, pipeline)
    with pipeline.database.transaction() as tx:
        tx.run("INSERT INTO goods VALUES ('a', 5, 1, 1, 1, 'i')")
    fields = [{"name": "code", "type": "string"}, {"name": "price", "type": "boolean"}]
    describe(pipeline, {**GOODS, "schema": {**GOODS["schema"], "fields": fields}})
    refused = schema(commands, pipeline)
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-1].endswith(
        "dataset 'goods': field 'price' was bigint and is to be boolean; forget its sources (`pipeline forget NAME...`)"
        " and run `pipeline schema` again, or give the resource another name"
    )


def test_a_wrong_description_is_refused_before_anything_is_made(commands: Commands, pipeline: Pipeline) -> None:
    describe(pipeline, {**GOODS, "schema": {"fields": [{"name": "code", "type": "colour"}]}})
    refused = schema(commands, pipeline)
    assert refused.returncode == 1
    assert "datapackage.json" in refused.stderr
    assert pipeline.rows("SELECT name FROM datasets") == []


def test_a_producer_warns_once_of_each_file_that_the_description_names_and_the_folder_lacks(
    commands: Commands, pipeline: Pipeline
) -> None:
    describe(pipeline, {**GOODS, "path": ["goods.csv", "goods-2.csv"]})
    for name in ("goods.csv", "goods-2.csv"):
        (pipeline.data / name).write_text(f"code,price\n{name},1\n")
    schema(commands, pipeline)
    absent = "datapackage.json names files that are not in the folder: goods-2.csv;"
    loaded = commands.run("producer", "--data", str(pipeline.data))
    assert (loaded.returncode, "not in the folder" in loaded.stderr) == (0, False)
    (pipeline.data / "goods-2.csv").unlink()
    again = commands.run("producer", "--data", str(pipeline.data))
    assert "loaded before, but not in this folder: goods-2.csv" in again.stderr
    assert absent not in again.stderr
    assert commands.run("producer", "--data", str(pipeline.data), "--forget", "goods-2.csv").returncode == 0
    assert absent in commands.run("producer", "--data", str(pipeline.data)).stderr
