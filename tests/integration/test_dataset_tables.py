"""Tables of datasets in a database: made, adopted, changed, refused, checked."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2.errors import CheckViolation, ForeignKeyViolation

from inspection.describe import file_kinds
from inspection.first_package import resources, write_package
from pipeline.descriptions.description import Constraints, Dataset, Field, Reference
from pipeline.errors import PipelineError, RefusedTablesError, SettingsError, TransientError
from pipeline.postgres.database import Database
from pipeline.postgres.schema import apply_schema
from pipeline.postgres.transaction import Transaction
from pipeline.tables.described import bring_up_to_date, only_adds_tables, wanted_tables
from pipeline.tables.plan import Wanted
from pipeline.tables.recorded import Recorded
from pipeline.tables.registry import check_tables, make_tables, planned_statements, recorded_tables
from tests.catalog import catalog, differences
from tests.conftest import Pipeline, Services
from tests.described import PEOPLE, PLACES, column_type
from tests.support import at_once

REQUIRED = Constraints(required=True)
CODE = Field("code", "code", constraints=Constraints(required=True, max_length=5))
PRICE = Field("price", "price", type="integer", description="In cents, 100 % of it.")
GOODS = Dataset("goods", "goods", ("goods.csv",), (CODE, PRICE), primary_key=("code",))
SALES = Dataset(
    "sales",
    "sales",
    ("sales.csv",),
    (Field("day", "day", type="date", constraints=REQUIRED), Field("code", "code")),
    references=(Reference(("code",), "goods", ("code",)),),
)
INSERT_GOODS = "INSERT INTO goods VALUES ('a', 5, 1, 1, 1, 'i'), ('b', 7, 1, 2, 1, 'i')"
INSERT_SALES = "INSERT INTO sales VALUES (1, 1, '2026-01-01', 'a')"

TEMPLATE = "with_schema"  # tables of datasets are made by the tests


def wanted(*datasets: Dataset, table_schema: str | None = None) -> Wanted:
    return Wanted(datasets, column_type, (PLACES, PEOPLE), table_schema=table_schema)


def make(pipeline: Pipeline, *datasets: Dataset) -> bool:
    return make_tables(pipeline.database, wanted(*datasets))


def run(pipeline: Pipeline, statement: str) -> None:
    with pipeline.database.transaction() as tx:
        tx.run(statement)


def with_price(**constraints: Any) -> Dataset:
    return replace(GOODS, fields=(CODE, replace(PRICE, constraints=Constraints(**constraints))))


def test_tables_are_made_once(pipeline: Pipeline) -> None:
    assert make(pipeline, GOODS, SALES)
    run(pipeline, INSERT_GOODS)
    run(pipeline, INSERT_SALES)
    before = catalog(pipeline.database)
    assert not make(pipeline, GOODS, SALES)
    assert differences(catalog(pipeline.database), before) == set()
    assert pipeline.rows("SELECT name, table_schema, table_name FROM datasets ORDER BY name") == [
        ("goods", "public", "goods"),
        ("sales", "public", "sales"),
    ]


def test_the_tables_hold_the_rules_of_the_description(pipeline: Pipeline) -> None:
    make(pipeline, GOODS, SALES)
    with pytest.raises(CheckViolation), psycopg2.connect(pipeline.services.database_url) as connection:
        connection.cursor().execute("INSERT INTO goods VALUES ('too long', 5, 1, 1, 1, 'i')")
    with pytest.raises(CheckViolation), psycopg2.connect(pipeline.services.database_url) as connection:
        connection.cursor().execute("INSERT INTO goods VALUES ('a', 5, 1, 1, 1, 'x')")
    with pytest.raises(ForeignKeyViolation), psycopg2.connect(pipeline.services.database_url) as connection:
        connection.cursor().execute(INSERT_SALES)


def test_a_row_may_refer_to_a_later_one_of_its_own_dataset(pipeline: Pipeline) -> None:
    parts = replace(
        GOODS, fields=(CODE, Field("part of", "part_of")), references=(Reference(("part of",), "goods", ("code",)),)
    )
    make(pipeline, parts)
    run(
        pipeline,
        "INSERT INTO goods VALUES ('a', 'b', 1, 1, 1, 'i'); INSERT INTO goods VALUES ('b', NULL, 1, 2, 1, 'i')",
    )
    with pytest.raises(ForeignKeyViolation), psycopg2.connect(pipeline.services.database_url) as connection:
        connection.cursor().execute("DELETE FROM goods WHERE code = 'b'")


def test_the_tables_of_schema_sql_are_those_of_the_description(pipeline: Pipeline) -> None:
    """Adopted as they are, but for comments and rights; and made from the description alone, the same."""
    as_by_schema_sql = catalog(pipeline.database)
    make(pipeline, PLACES, PEOPLE)
    adopted = catalog(pipeline.database)
    for kind in ("constraints", "rights"):
        assert adopted[kind] == as_by_schema_sql[kind]
    run(pipeline, "DROP TABLE people, places_listings")
    assert make(pipeline, PLACES, PEOPLE)
    assert differences(catalog(pipeline.database), adopted) == set()


def test_schema_sql_leaves_adopted_tables_as_they_are(pipeline: Pipeline) -> None:
    make(
        pipeline, PLACES, replace(PEOPLE, description="All the people.", fields=(*PEOPLE.fields, Field("note", "note")))
    )
    adopted = catalog(pipeline.database)
    run(pipeline, "UPDATE installation SET schema_sha256 = NULL")
    assert apply_schema(pipeline.database)
    assert differences(catalog(pipeline.database), adopted) == set()


def test_a_dataset_of_the_same_name_as_one_of_the_project_can_have_any_shape(pipeline: Pipeline) -> None:
    people = Dataset("people", "people", ("people.csv",), (Field("id", "id"),), primary_key=("id",))
    make(pipeline, people)
    run(pipeline, "INSERT INTO people VALUES ('x', 1, 1, 1, 'i')")
    run(pipeline, "UPDATE installation SET schema_sha256 = NULL")
    assert apply_schema(pipeline.database)
    with pytest.raises(SettingsError, match="dataset 'people': its rows were known by the key"):
        make(pipeline, PLACES, PEOPLE)


def test_a_changed_description_changes_the_table_and_keeps_its_rows(pipeline: Pipeline) -> None:
    make(pipeline, GOODS, SALES)
    run(pipeline, INSERT_GOODS)
    run(pipeline, INSERT_SALES)
    wider = replace(PRICE, type="number")
    assert make(pipeline, replace(GOODS, fields=(CODE, wider, Field("colour", "colour"))), SALES)
    assert pipeline.rows("SELECT code, price, colour, pg_typeof(price)::text FROM goods ORDER BY 1") == [
        ("a", 5, None, "numeric"),
        ("b", 7, None, "numeric"),
    ]
    assert make(pipeline, replace(GOODS, fields=(CODE,)), SALES)
    assert pipeline.rows("SELECT code, price FROM goods ORDER BY 1") == [("a", 5), ("b", 7)]
    assert not make(pipeline, replace(GOODS, fields=(CODE,)), SALES)


def test_a_new_rule_is_applied_if_all_rows_keep_it_and_else_refused_with_their_number(pipeline: Pipeline) -> None:
    make(pipeline, GOODS, SALES)
    run(pipeline, INSERT_GOODS)
    assert make(pipeline, with_price(minimum="5", required=True), SALES)
    before = catalog(pipeline.database)
    with pytest.raises(SettingsError) as refused:
        make(pipeline, replace(with_price(minimum="6", unique=True), title="Changed"), SALES)
    assert str(refused.value) == (
        "dataset 'goods': 1 row would break the rule for field 'price', which is to be CHECK (\"price\" >= bigint '6')"
        " and was CHECK (\"price\" >= bigint '5'); forget its sources (`pipeline forget NAME...`) and run"
        " `pipeline schema` again, or give the resource another name"
    )
    assert differences(catalog(pipeline.database), before) == set()


def test_all_datasets_that_are_refused_are_named_with_the_sources_to_forget(pipeline: Pipeline) -> None:
    by_position = replace(GOODS, primary_key=())
    make(pipeline, by_position, replace(SALES, references=()))
    run(pipeline, "INSERT INTO goods VALUES (1, 1, 'a', 5)")
    run(pipeline, INSERT_SALES)
    run(pipeline, "INSERT INTO sources (name, dataset) VALUES ('goods.csv', 'goods'), ('sales 1.csv', 'sales')")
    before = catalog(pipeline.database)
    with pytest.raises(RefusedTablesError) as refused:
        make(pipeline, GOODS, replace(SALES, fields=(replace(SALES.fields[0], type="string"), SALES.fields[1])))
    remedy = "and run `pipeline schema` again, or give the resource another name"
    assert refused.value.lines == (
        "dataset 'goods': its rows were known by their position and are to be known by the key (code);"
        f" forget its sources (`pipeline forget goods.csv`) {remedy}",
        "dataset 'sales': field 'day' was date and is to be text;"
        f" forget its sources (`pipeline forget 'sales 1.csv'`) {remedy}",
    )
    assert differences(catalog(pipeline.database), before) == set()


def test_a_rule_that_compares_with_what_is_only_now_made_is_looked_at(pipeline: Pipeline) -> None:
    make(pipeline, replace(SALES, references=()))
    run(pipeline, INSERT_SALES)
    with pytest.raises(SettingsError, match="dataset 'sales': 1 row"):
        make(pipeline, GOODS, SALES)
    assert pipeline.rows("SELECT to_regclass('goods')") == [(None,)]


def test_any_change_is_applied_once_the_sources_are_forgotten(pipeline: Pipeline) -> None:
    """Also if other datasets refer to the table."""
    make(pipeline, GOODS, SALES)
    run(pipeline, INSERT_GOODS)
    by_number = replace(CODE, type="integer", constraints=REQUIRED)
    goods = replace(GOODS, fields=(by_number, PRICE))
    sales = replace(SALES, fields=(SALES.fields[0], Field("code", "code", type="integer")))
    with pytest.raises(SettingsError, match="field 'code' was text and is to be bigint"):
        make(pipeline, goods, sales)
    run(pipeline, "DELETE FROM goods")
    assert make(pipeline, goods, sales)
    fresh = catalog(pipeline.database, "public", "goods", "sales")
    run(pipeline, "DROP TABLE sales, goods")
    make(pipeline, goods, sales)
    assert differences(catalog(pipeline.database, "public", "goods", "sales"), fresh) == set()


def test_a_dropped_column_is_named_with_the_remedy(pipeline: Pipeline) -> None:
    make(pipeline, GOODS, SALES)
    run(pipeline, "ALTER TABLE goods DROP COLUMN price")
    assert not make(pipeline, SALES)
    with pytest.raises(RefusedTablesError) as refused:
        make(pipeline, GOODS, SALES)
    assert str(refused.value) == (
        "dataset 'goods': its table goods lacks the column price, with which it was made; add it again, or drop the"
        " table, which is then made again and loaded"
    )


def test_a_view_that_stands_against_a_change_is_named(pipeline: Pipeline) -> None:
    make(pipeline, GOODS)
    run(pipeline, "CREATE VIEW dear AS SELECT code FROM goods")
    with pytest.raises(PipelineError) as refused:
        make(pipeline, replace(GOODS, primary_key=()))
    assert str(refused.value).endswith(
        "cannot drop table goods because other objects depend on it (view dear depends on table goods); drop what"
        " depends on it, and run it again"
    )


def test_places_of_the_user_s_own_have_a_table_of_their_own(pipeline: Pipeline) -> None:
    """The project's are there already, in a new database too."""
    pipeline.write(places="id,town\n1,Bonn\n")
    kinds = file_kinds(pipeline.data, [pipeline.data / "places.csv"])
    write_package(resources(kinds), pipeline.data / "datapackage.json", may_replace=False)
    bring_up_to_date(pipeline.database, wanted_tables(pipeline.data))
    pipeline.load()
    assert pipeline.rows("SELECT id, town FROM table_places") == [(1, "Bonn")]


def test_a_table_that_others_made_is_refused(pipeline: Pipeline) -> None:
    run(pipeline, "CREATE TABLE goods (note text)")
    with pytest.raises(SettingsError) as refused:
        make(pipeline, GOODS)
    assert str(refused.value) == (
        "dataset 'goods': there is a table goods in schema public already, which was not made for it; write another"
        ' name into "pipeline:table" of the resource'
    )
    with pytest.raises(SettingsError, match="there is a table loads in schema public already"):
        make(pipeline, replace(GOODS, name="loads", table="loads"))


def test_tables_go_into_a_schema_of_the_user_s_and_stay_there(pipeline: Pipeline) -> None:
    make_tables(pipeline.database, wanted(GOODS, table_schema="Of mine"))
    run(pipeline, INSERT_GOODS.replace("goods", '"Of mine".goods'))
    assert not make(pipeline, GOODS)
    assert make(pipeline, GOODS, SALES)
    assert pipeline.rows("SELECT name, table_schema FROM datasets ORDER BY 1") == [
        ("goods", "Of mine"),
        ("sales", "public"),
    ]
    run(pipeline, INSERT_SALES)
    with pytest.raises(SettingsError, match=r"dataset 'goods': its table is Of mine\.goods and is to be other\.goods"):
        make_tables(pipeline.database, wanted(GOODS, SALES, table_schema="other"))


@pytest.mark.parametrize(
    ("right", "stage"),
    [("ALL", "producer"), ("ALL", "worker"), ("ALL", "exporter"), ("DELETE", "producer"), ("UPDATE", "worker")],
)
def test_stages_get_their_rights_also_on_tables_that_were_there_before_the_role(
    pipeline: Pipeline, right: str, stage: str
) -> None:
    """Or that a dump brought back without rights, of which schema.sql has given some again."""
    make_tables(pipeline.database, wanted(GOODS, table_schema="mine"))
    granted = catalog(pipeline.database, "mine")["rights"]
    run(pipeline, f"REVOKE {right} ON mine.goods FROM pipeline_{stage}")
    if right == "ALL":
        run(pipeline, f"REVOKE ALL ON SCHEMA mine FROM pipeline_{stage}")
    assert make(pipeline, GOODS)
    assert catalog(pipeline.database, "mine")["rights"] == granted
    assert pipeline.rows(f"SELECT has_schema_privilege('pipeline_{stage}', 'mine', 'USAGE')") == [(True,)]
    assert not make(pipeline, GOODS)


def test_several_processes_can_make_the_tables_at_once(services: Services) -> None:
    at_once(
        lambda: make_tables(Database(services.database_url, "tests"), wanted(GOODS, SALES, PLACES, PEOPLE)), times=6
    )
    assert not make_tables(Database(services.database_url, "tests"), wanted(GOODS, SALES, PLACES, PEOPLE))


def test_tables_made_by_another_while_planning_are_no_clash(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made_after_the_look(tx: Transaction) -> dict[str, Recorded]:
        recorded = recorded_tables(tx)
        monkeypatch.undo()
        assert make_tables(Database(pipeline.services.database_url, "tests"), wanted(GOODS))
        return recorded

    monkeypatch.setattr("pipeline.tables.registry.recorded_tables", made_after_the_look)
    make(pipeline, GOODS)
    assert not make(pipeline, GOODS)


def test_tables_that_are_current_are_left_alone_while_others_use_them(pipeline: Pipeline) -> None:
    """Neither looking at them nor planning a change waits for a lock that conflicts with every other but a reader's."""
    make(pipeline, GOODS)
    run(pipeline, INSERT_GOODS)
    with Database(pipeline.services.database_url, "tests").transaction() as tx:
        tx.run("LOCK TABLE goods, datasets IN EXCLUSIVE MODE")
        tx.run("SELECT pg_advisory_xact_lock(hashtext('pipeline schema'))")
        assert not make(pipeline, GOODS)
        planned = planned_statements(pipeline.database, wanted(with_price(minimum="5")))
    assert planned[0] == (
        'ALTER TABLE "public"."goods" ADD CONSTRAINT "goods_price_minimum" CHECK ("price" >= bigint \'5\')'
    )


def test_a_change_waits_for_others_no_longer_than_the_lock_timeout(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make(pipeline, GOODS)
    impatient = tmp_path / "sql"
    impatient.mkdir()
    (impatient / "session.sql").write_text("SET lock_timeout = '100ms'")
    with Database(pipeline.services.database_url, "tests").transaction() as tx:
        tx.run("SELECT FROM goods")
        monkeypatch.setattr("pipeline.postgres.database.HERE", tmp_path)
        with pytest.raises(TransientError, match="55P03"):
            make_tables(Database(pipeline.services.database_url, "tests"), wanted(with_price(minimum="5")))


def test_a_plan_can_be_seen_before_there_is_any_table(pipeline: Pipeline) -> None:
    run(pipeline, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    people = Dataset("people", "people", ("people.csv",), (Field("id", "id"),))
    assert 'DROP TABLE "public"."people"' in planned_statements(pipeline.database, wanted(people))
    statements = planned_statements(pipeline.database, wanted(GOODS, PLACES, PEOPLE))
    assert [text.split("(")[0] for text in statements if text.startswith("CREATE TABLE")] == [
        'CREATE TABLE "public"."goods" '
    ]
    assert pipeline.rows("SELECT to_regclass('goods')") == [(None,)]


def test_what_is_planned_can_be_run_by_hand(pipeline: Pipeline) -> None:
    dataset = replace(GOODS, name="it's", title="\\ 100 % '", fields=(CODE, replace(PRICE, description="\\n \n ''")))
    for statement in planned_statements(pipeline.database, wanted(PLACES, PEOPLE, dataset)):
        with pipeline.database.transaction() as tx:
            tx.run_verbatim(statement)
    assert not make(pipeline, PLACES, PEOPLE, dataset)


def test_only_changes_of_tables_that_are_there_keep_a_dry_run_from_making_others(pipeline: Pipeline) -> None:
    assert only_adds_tables(pipeline.database, wanted(GOODS))
    make(pipeline, GOODS)
    assert only_adds_tables(pipeline.database, wanted(GOODS, SALES))
    assert not only_adds_tables(pipeline.database, wanted(with_price(minimum="5"), SALES))


def test_tables_are_checked_against_the_description(pipeline: Pipeline) -> None:
    def check(dataset: Dataset) -> None:
        with pipeline.database.transaction() as tx:
            check_tables(tx, dataset, column_type)

    with pytest.raises(SettingsError) as missing:
        check(GOODS)
    assert str(missing.value) == "dataset 'goods' has no table yet; `pipeline schema --data DIR` makes it"
    make(pipeline, GOODS, SALES)
    check(GOODS)
    check(SALES)
    check(replace(GOODS, title="Another title"))
    with pytest.raises(SettingsError) as differs:
        check(replace(GOODS, fields=(*GOODS.fields, Field("colour", "colour"))))
    assert str(differs.value) == (
        'dataset \'goods\': its table goods differs from its description: it needs ALTER TABLE "public"."goods" ADD'
        ' COLUMN "colour" text; `pipeline schema --data DIR` changes it, or says why not'
    )
    run(pipeline, "DROP TABLE sales")
    with pytest.raises(SettingsError, match="dataset 'sales' has no table yet"):
        check(SALES)


def test_the_recorded_tables_say_where_a_dataset_is(pipeline: Pipeline) -> None:
    make(pipeline, PLACES, replace(GOODS, shared_keys=True))
    with pipeline.database.transaction() as tx:
        recorded = recorded_tables(tx)
    assert [(table.quoted, table.shape) for table in recorded["goods"].tables] == [
        ('"public"."goods_listings"', "listings"),
        ('"public"."goods"', "decided"),
    ]
    assert (recorded["places"].schema, recorded["places"].table) == ("public", "places")
