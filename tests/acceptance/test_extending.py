"""The worked example of docs/extending.md, with the command that it names."""

from pathlib import Path

from tests.conftest import Commands, Pipeline
from tests.marriages import HEADER, MARRIAGES, SQL, write_package, write_sql

TEMPLATE = "with_schema"  # the run makes the tables


def test_a_run_fills_the_tables_of_the_sql(commands: Commands, pipeline: Pipeline, tmp_path: Path) -> None:
    write_package(pipeline.data)
    pipeline.write(marriages=MARRIAGES)
    folder = write_sql(tmp_path / "datasets")
    run = ("pipeline", "run", "--data", str(pipeline.data), "--datasets")
    ended = commands.run(*run, str(folder))
    assert ended.returncode == 0, ended.stderr
    assert "marriages.csv: 3 rows = 3 inserted + 0 updated + 0 unchanged + 0 rejected; 0 deleted" in ended.stdout
    counts = "SELECT (SELECT count(*) FROM marriages), (SELECT count(*) FROM marriage_places)"
    assert pipeline.rows(counts) == [(3, 2)]

    pipeline.write(marriages=MARRIAGES + "Eve Hay,Ian Roy,1880-05-05,Wick\n")
    write_sql(folder, SQL.replace("SELECT DISTINCT place", "SELECT DISTINCT plaice"))
    broken = commands.run(*run, str(folder))
    assert broken.returncode == 1
    assert f"{folder}/marriages.sql line 20, statement decide: " in broken.stderr.splitlines()[-1]
    assert broken.stderr.splitlines()[-1].endswith("correct the file, run it again")
    assert pipeline.rows(counts) == [(3, 2)]
    write_sql(folder)
    ended = commands.run(*run, str(folder))
    assert ended.returncode == 0, ended.stderr
    assert pipeline.rows(counts) == [(4, 3)]

    pipeline.write(marriages=HEADER)
    refused = commands.run("pipeline", "forget", "marriages.csv")
    assert refused.returncode == 2
    assert "name the same DATASETS_DIR as for `pipeline schema`" in refused.stderr
    forgotten = commands.run("pipeline", "forget", "marriages.csv", DATASETS_DIR=str(folder))
    assert forgotten.stdout == "marriages.csv: forgotten, 4 rows of marriages removed\n"
