"""A source that is forgotten while it is being loaded."""

import subprocess

from tests.conftest import Commands, Pipeline
from tests.support import wait_until


def test_a_run_whose_source_is_forgotten_ends_with_one_error(
    run: "subprocess.Popen[str]", commands: Commands, pipeline: Pipeline
) -> None:
    """No line for each of its chunks, and none of its rows anywhere."""
    places = "SELECT complete FROM load_progress WHERE current AND source = 'places.csv'"
    wait_until(lambda: pipeline.rows(places) == [(True,)])  # or its chunks would stay on the queue
    ended = commands.run("producer", "--forget", "people.csv")
    assert ended.returncode == 0, ended.stderr
    _, err = run.communicate(timeout=60)
    assert run.returncode == 1
    assert "ERROR" not in err
    [error] = [line for line in err.splitlines() if line.startswith("error: ")]
    forgotten = "forgotten while it was being loaded: people.csv; no row of it is kept"
    assert error == f"error: {forgotten}; to load it after all, run it again"
    assert not (pipeline.data / "summary_output.json").exists()
    assert pipeline.people() == []
    assert pipeline.queue.state().failed == {}
    assert pipeline.queue.length() == 0


def test_an_exporter_whose_source_is_forgotten_writes_no_report(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.write(places="city,county,country\nAyr,Ayrshire,Scotland\n")
    pipeline.produce()
    exporter = commands.start("exporter", OUTPUT_DIR=str(pipeline.data), DATA_DIR=str(pipeline.data))
    activity = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pipeline exporter'"
    wait_until(lambda: pipeline.rows(activity) == [(1,)])
    assert commands.run("producer", "--forget", "places.csv").returncode == 0
    _, err = exporter.communicate(timeout=30)
    assert (exporter.returncode, "forgotten while it was being loaded: places.csv" in err) == (1, True)
    assert not (pipeline.data / "loads.csv").exists()
