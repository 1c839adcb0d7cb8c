"""CSV reports hold PostgreSQL's own text of each value, and cost the exporter no memory."""

import csv
from pathlib import Path

import pytest

from tests.conftest import Pipeline
from tests.integration.conftest import peak_memory, write_reports

VALUES = [
    ("""'{"price": 1.10, "old": null}'::jsonb""", '{"old": null, "price": 1.10}'),
    ("""'{"b": 1.10,  "a":1e2}'::json""", '{"b": 1.10,  "a":1e2}'),
    (r"'\xdead'::bytea", r"\xdead"),
    ("'infinity'::timestamp", "infinity"),
    ("DATE '0044-03-15 BC'", "0044-03-15 BC"),
    ("TIMESTAMPTZ '2026-01-02 03:04:05+00'", "2026-01-02 03:04:05+00"),
    ("true", "t"),
    ("ARRAY['x', NULL, 'a b']", '{x,NULL,"a b"}'),
    ("ARRAY[1.10, -2]", "{1.10,-2}"),
    ("12345678901234567890.10", "12345678901234567890.10"),
    ("0.1::float8 + 0.2::float8", "0.30000000000000004"),
    ("'-infinity'::float8", "-Infinity"),
    ("-1", "-1"),
    ("-1.50", "-1.50"),
    ("INTERVAL '-1 day'", "-1 days"),
    ("'-1'::text", "'-1"),
    ("'-1'::varchar", "'-1"),
    ("""'{"=1": 2}'::json -> '=1'""", "2"),
    ("'\"=1\"'::json #>> '{}'", "'=1"),
    ("NULL", ""),
    ("''", ""),
    (r"E'a\\N\tb\nc\\\rd\b\f\v'", "a\\N\tb\nc\\\rd\b\f\v"),
    (r"'\N'", r"\N"),
    ("'é€😀'", "é€😀"),
]


@pytest.mark.parametrize("settings", [(), ("datestyle = 'SQL, DMY'", "bytea_output = 'escape'")])
def test_each_value_is_written_as_postgresql_writes_it(
    pipeline: Pipeline, output: Path, no_reports: Path, settings: tuple[str, ...]
) -> None:
    name = pipeline.services.database_url.rpartition("/")[2]
    with pipeline.database.transaction() as tx:
        for setting in ("timezone = 'UTC'", *settings):
            tx.run(f"ALTER DATABASE {name} SET {setting}")
    pipeline.database.close()
    columns = ", ".join(f"{value} AS c{number}" for number, (value, _) in enumerate(VALUES))
    (no_reports / "values.csv.sql").write_text(f"SELECT {columns}; -- all of them", encoding="utf-8")
    exported = write_reports(pipeline.database, output)
    assert exported is not None
    assert list(map(str, exported.failures)) == []
    with (output / "values.csv").open(encoding="utf-8", newline="") as file:
        header, row = csv.reader(file)
    assert header == [f"c{number}" for number in range(len(VALUES))]
    assert row == [text for _, text in VALUES]


def test_wide_cells_cost_the_exporter_little_memory(pipeline: Pipeline, output: Path, no_reports: Path) -> None:
    """Of 40 cells of 1 MiB, the exporter may take 32 MiB beyond what it has taken for short ones."""
    queries = [f"SELECT repeat('x', {characters}) FROM generate_series(1, 40)" for characters in (10, 1 << 20)]
    small, large = peak_memory(pipeline.services, no_reports, output, "wide.csv", *queries)
    assert (output / "wide.csv").stat().st_size == len("repeat\n") + 40 * ((1 << 20) + 1)
    assert large - small < 32 * 1024**2
