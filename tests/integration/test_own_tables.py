"""The project's own description and schema.sql say the same of the same tables."""

from pipeline.tables.described import bring_up_to_date, wanted_tables
from pipeline.tables.registry import make_tables
from tests.catalog import catalog, differences
from tests.conftest import Pipeline

TEMPLATE = "with_schema"  # tables of datasets are made by the tests


def test_the_project_s_description_makes_the_tables_of_schema_sql(pipeline: Pipeline) -> None:
    as_by_schema_sql = catalog(pipeline.database, "public", "people", "places")
    wanted = wanted_tables(pipeline.data)
    assert bring_up_to_date(pipeline.database, wanted)
    adopted = catalog(pipeline.database, "public", "people", "places")
    for kind in ("constraints", "rights"):
        assert adopted[kind] == as_by_schema_sql[kind]
    with pipeline.database.transaction() as tx:
        tx.run("DROP TABLE people, places_listings")
    assert make_tables(pipeline.database, wanted)
    assert differences(catalog(pipeline.database, "public", "people", "places"), adopted) == set()
    assert not bring_up_to_date(pipeline.database, wanted)
