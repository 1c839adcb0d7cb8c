"""The real commands as processes: what they do, what they say, how they exit."""

import csv
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from pipeline import PROJECT
from pipeline.postgres.database import Database
from pipeline.queue.job import RETRIES
from tests.conftest import PEOPLE, PLACES, Commands, Pipeline, held
from tests.support import expected_people, generate, wait_until

EXERCISE = os.environ.get("EXERCISE_DIR")


def test_a_run_loads_the_shipped_data_and_a_second_one_changes_nothing(
    commands: Commands, pipeline: Pipeline, tmp_path: Path
) -> None:
    first = commands.run("pipeline", "run", "--data", str(PROJECT / "data"), "--output", str(tmp_path))
    assert first.returncode == 0, first.stderr
    assert (tmp_path / "summary_output.json").read_bytes() == (PROJECT / "data/sample_output.json").read_bytes()
    assert re.search(r"people\.csv: 10,000 of 10,000 rows queued in \d+ chunks", first.stdout)
    assert re.search(r"Scotland +2,959\n", first.stdout)
    assert first.stdout.endswith(f"\n{tmp_path / 'summary_output.json'}\n")
    assert held(pipeline) == expected_people(PROJECT / "data")

    reports = {path.name: path.read_bytes() for path in tmp_path.glob("*.*")}
    second = commands.run("pipeline", "run", "--data", str(PROJECT / "data"), "--output", str(tmp_path))
    assert second.returncode == 0, second.stderr
    assert "places.csv: 113 rows, unchanged, nothing to do" in second.stdout
    assert "people.csv: 10,000 rows, unchanged, nothing to do" in second.stdout
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.*")} == reports
    assert re.search(
        r"\nreports are up to date: no load has changed since they were written"
        r" \(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\); --rewrite-reports writes them again\n",
        second.stdout,
    )
    assert "wrote" not in second.stdout
    assert (
        second.stdout.split("\npeople.csv: 10,000 rows = ")[-1]
        == first.stdout.split("\npeople.csv: 10,000 rows = ")[-1]
    )

    third = commands.run("exporter", "--output", str(tmp_path), "--rewrite-reports")
    assert "--rewrite-reports" not in third.stdout
    assert (
        f"wrote {len(reports) - 2} reports into {tmp_path}; {tmp_path}/report.html shows them on one page\n"
        in third.stdout
    ), "all but the page and the manifest"
    assert (tmp_path / "loads.csv").read_bytes() == reports["loads.csv"]


@pytest.mark.skipif(not EXERCISE, reason="EXERCISE_DIR does not name the folder of the original exercise")
def test_the_exercise_gives_its_sample_output_byte_for_byte(commands: Commands, tmp_path: Path) -> None:
    ended = commands.run("pipeline", "run", "--data", str(EXERCISE), "--output", str(tmp_path))
    assert ended.returncode == 0, ended.stderr
    expected = (Path(str(EXERCISE)) / "sample_output.json").read_bytes()
    assert (tmp_path / "summary_output.json").read_bytes() == expected


def test_the_stages_by_hand_in_any_order_and_again(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.write(places=PLACES, people=PEOPLE)
    files = {"DATA_DIR": str(pipeline.data), "OUTPUT_DIR": str(pipeline.data)}
    exporter = commands.start("exporter", **files)  # first: it waits for a load
    assert commands.run("producer", **files).returncode == 0
    assert commands.run("worker", "--burst").returncode == 0
    out, err = exporter.communicate(timeout=30)
    assert exporter.returncode == 0, err
    assert f"wrote 6 reports into {pipeline.data}; {pipeline.data}/report.html shows them on one page\n" in out
    summary = pipeline.data / "summary_output.json"
    assert summary.read_text() == '{"Scotland":2,"Ireland":1,"Wales":1}'
    again = commands.run("producer", **files)
    assert again.stdout.splitlines() == [
        "places.csv: 3 rows, unchanged, nothing to do",
        "people.csv: 4 rows, unchanged, nothing to do",
    ]
    assert commands.run("exporter", **files).returncode == 0
    assert summary.read_text() == '{"Scotland":2,"Ireland":1,"Wales":1}'


def test_versions_of_a_file_one_after_the_other_with_any_chunk_size(commands: Commands, pipeline: Pipeline) -> None:
    """Identical lines, a corrected, an added and a dropped line, and the first version again."""
    header, jean, tadhg, sian, _ = PEOPLE.splitlines(keepends=True)
    pipeline.write(places=PLACES)
    files = {"DATA_DIR": str(pipeline.data), "OUTPUT_DIR": str(pipeline.data)}
    worker = commands.start("worker")
    versions = [
        ([jean, jean, tadhg], "2"),
        ([jean, jean, tadhg], "1"),
        ([jean, sian, tadhg], "1"),
        ([jean, sian, tadhg, jean], "3"),
        ([jean, tadhg, jean], "100"),
        ([], "1"),
        ([jean, jean, tadhg], "2"),
    ]
    for rows, chunk_rows in versions:
        pipeline.write(people=header + "".join(rows))
        assert commands.run("producer", CHUNK_ROWS=chunk_rows, ALLOW_EMPTY="1", **files).returncode == 0
        assert commands.run("exporter", **files).returncode == 0
        assert held(pipeline) == expected_people(pipeline.data)
        pipeline.check_reconciliation()
    worker.terminate()
    assert worker.wait(10) == 0


def test_the_exporter_waits_for_the_commit_not_for_an_empty_queue(commands: Commands, pipeline: Pipeline) -> None:
    """The worker has taken the last chunk off the queue, and cannot commit it yet."""
    pipeline.load(places=PLACES)
    pipeline.write(people=PEOPLE)
    files = {"DATA_DIR": str(pipeline.data), "OUTPUT_DIR": str(pipeline.data)}
    assert commands.run("producer", **files).returncode == 0
    with Database(commands.services.database_url, "tests").transaction() as tx:
        tx.run("LOCK TABLE people IN SHARE MODE")
        worker = commands.start("worker", "--burst")
        waits = "SELECT application_name FROM pg_stat_activity WHERE wait_event = 'relation'"
        wait_until(lambda: pipeline.rows(waits) == [("pipeline worker",)])
        assert pipeline.queue.length() == 0
        exporter = commands.start("exporter", **files)
        looks = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pipeline exporter'"
        wait_until(lambda: pipeline.rows(looks) == [(1,)])
        with pytest.raises(subprocess.TimeoutExpired):
            exporter.wait(1)
        assert not (pipeline.data / "summary_output.json").exists()
    assert exporter.wait(30) == 0
    assert worker.wait(30) == 0
    assert (pipeline.data / "summary_output.json").read_text() == '{"Scotland":2,"Ireland":1,"Wales":1}'


def test_forget_removes_a_source(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    ended = commands.run("producer", "--forget", "people.csv")
    assert (ended.returncode, ended.stdout) == (0, "people.csv: forgotten, 4 rows of people removed\n")
    assert pipeline.people() == []
    unknown = commands.run("producer", "--forget", "people.csv")
    assert unknown.returncode == 2
    assert "--forget: no source 'people.csv' is known" in unknown.stderr


def test_two_producers_at_once_load_each_row_once(commands: Commands, pipeline: Pipeline) -> None:
    generate(pipeline.data, people=4_000)
    files = {"DATA_DIR": str(pipeline.data), "CHUNK_ROWS": "100"}
    workers = [commands.start("worker") for _ in range(2)]
    producers = [commands.start("producer", **files) for _ in range(2)]
    assert [producer.wait(60) for producer in producers] == [0, 0]
    assert commands.run("exporter", OUTPUT_DIR=str(pipeline.data)).returncode == 0
    for worker in workers:
        worker.terminate()
    assert [worker.wait(10) for worker in workers] == [0, 0]
    pipeline.check_reconciliation()
    assert pipeline.counts()["inserted"] == 4_000
    assert held(pipeline) == expected_people(pipeline.data)


def test_a_producer_killed_half_way_goes_on_when_started_again(commands: Commands, pipeline: Pipeline) -> None:
    generate(pipeline.data, people=4_000)
    files = {"DATA_DIR": str(pipeline.data), "CHUNK_ROWS": "100", "QUEUE_LIMIT": "10"}
    producer = commands.start("producer", **files)
    wait_until(lambda: pipeline.queue.length() >= 10)  # full: without a worker it stays half-way
    producer.send_signal(signal.SIGKILL)
    producer.wait()
    assert pipeline.queue.length() == 10
    worker = commands.start("worker")
    again = commands.run("producer", **files)
    assert again.returncode == 0, again.stderr
    assert commands.run("exporter", OUTPUT_DIR=str(pipeline.data)).returncode == 0
    worker.terminate()
    worker.wait(10)
    pipeline.check_reconciliation()
    assert held(pipeline) == expected_people(pipeline.data)


def test_people_whose_places_are_still_being_loaded_lose_no_retries(commands: Commands, pipeline: Pipeline) -> None:
    """More turns than there are attempts, while a producer has yet to queue the only chunk of places."""
    pipeline.write(places=PLACES, people=PEOPLE)
    pipeline.produce()
    places, people = pipeline.queue.connection.lrange("rq:queue:chunks", 0, -1)
    assert isinstance(people, bytes)
    pipeline.queue.connection.lpop("rq:queue:chunks")
    enqueued = set()

    def turns() -> int:
        enqueued.add(pipeline.queue.connection.hget(b"rq:job:" + people, "enqueued_at"))
        return len(enqueued)

    with pipeline.queue.producing():
        worker = commands.start("worker")
        wait_until(lambda: turns() > RETRIES + 2)
        assert pipeline.people() == []
        pipeline.queue.connection.rpush("rq:queue:chunks", places)
        assert commands.run("exporter", OUTPUT_DIR=str(pipeline.data)).returncode == 0
    shown = commands.run("rq.cli", "info", "--url", commands.services.redis_url).stdout
    assert "jobs: 2 finished, 0 failed" in shown
    worker.terminate()
    worker.wait(10)
    assert len(pipeline.people()) == 4
    assert pipeline.rejected() == []


def test_the_queue_shows_in_rq_info_with_its_workers(commands: Commands, pipeline: Pipeline) -> None:
    workers = [commands.start("worker") for _ in range(4)]
    wait_until(lambda: pipeline.queue.state().workers == 4)
    pipeline.write(places=PLACES)
    shown = commands.run("rq.cli", "info", "--url", commands.services.redis_url)
    for worker in workers:
        worker.terminate()
    assert [worker.wait(10) for worker in workers] == [0] * 4
    assert "4 workers, " in shown.stdout, shown
    assert len(re.findall(r"idle\S* chunks", shown.stdout)) == 4


def test_broken_files_are_all_named_and_nothing_of_the_others_is_queued(commands: Commands, pipeline: Pipeline) -> None:
    broken = {f"people_{number:02}".replace("_", "-"): "given_name\nJean\n" for number in range(12)}
    pipeline.write(places=PLACES, people=PEOPLE, **broken)
    for command in (["producer"], ["producer", "--dry-run"]):
        ended = commands.run(*command, DATA_DIR=str(pipeline.data))
        assert ended.returncode == 1
        errors = ended.stderr.splitlines()
        for number in range(10):
            assert f"people-{number:02}.csv line 1: column 'family_name' is missing from the header" in errors[number]
        assert errors[10:] == ["error: and 2 more files; nothing was queued"]
    assert pipeline.rows("SELECT count(*) FROM loads") == [(0,)]
    assert pipeline.queue.length() == 0


def test_a_timed_out_wait_exits_4(commands: Commands, pipeline: Pipeline) -> None:
    ended = commands.run("exporter", OUTPUT_DIR=str(pipeline.data), DRAIN_TIMEOUT="0.2")
    assert ended.returncode == 4
    assert "DRAIN_TIMEOUT: not done after 0.2 s" in ended.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("stage", ["producer", "exporter"])
def test_a_waiting_stage_stops_when_told(
    commands: Commands, pipeline: Pipeline, stage: str, number: int, code: int
) -> None:
    generate(pipeline.data, people=100)
    files = {"DATA_DIR": str(pipeline.data), "OUTPUT_DIR": str(pipeline.data), "QUEUE_LIMIT": "1", "CHUNK_ROWS": "10"}
    process = commands.start("producer", **files)
    wait_until(lambda: pipeline.queue.length() == 2)  # of places, which may go to twice the limit
    if stage == "exporter":
        process.kill()
        process.wait()
        process = commands.start("exporter", **files)
        activity = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pipeline exporter'"
        wait_until(lambda: pipeline.rows(activity) == [(1,)])
    process.send_signal(number)
    assert process.wait(10) == code


def test_a_run_whose_producer_fails_has_its_exit_code_and_leaves_reports_and_no_process(
    commands: Commands, pipeline: Pipeline
) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    pipeline.write(people="given_name\nJean\n")
    ended = commands.run("pipeline", "run", "--data", str(pipeline.data))
    assert ended.returncode == 1
    assert ended.stderr.count("error: ") == 1
    assert "people.csv line 1: column 'family_name' is missing from the header" in ended.stderr
    assert not (pipeline.data / "summary_output.json").exists()
    stages = "'pipeline producer', 'pipeline worker', 'pipeline exporter'"
    sessions = f"SELECT application_name FROM pg_stat_activity WHERE application_name IN ({stages})"
    assert pipeline.rows(sessions) == []


def test_the_example_file_is_loaded_too(commands: Commands, pipeline: Pipeline) -> None:
    (pipeline.data / "example.csv").write_text("name\nAda\nБорис\n")
    pipeline.write(places=PLACES)
    ended = commands.run("producer", DATA_DIR=str(pipeline.data))
    assert ended.returncode == 0, ended.stderr
    pipeline.work()
    assert "example.csv: 2 of 2 rows queued in 1 chunk" in ended.stdout.splitlines()
    assert pipeline.rows("SELECT row_number, name FROM examples ORDER BY 1") == [(1, "Ada"), (2, "Борис")]


def test_the_shipped_data_is_what_the_generator_makes(tmp_path: Path) -> None:
    generate(tmp_path, people=10_000, seed=1837)
    for name in ("places.csv", "people.csv", "sample_output.json"):
        assert (tmp_path / name).read_bytes() == (PROJECT / "data" / name).read_bytes()
    with (tmp_path / "places.csv").open(encoding="utf-8", newline="") as file:
        places = list(csv.DictReader(file))
    assert len(places) == len({place["city"] for place in places}) == 113
    assert {place["country"] for place in places} == {"Scotland", "Northern Ireland", "Wales", "England", "Ireland"}
    dates = [row[3] for row in expected_people(tmp_path)]
    assert len(dates) == 10_000
    assert "1837" <= min(dates) <= max(dates) <= "1983-12-31"
