"""The real containers: `docker-compose up --scale worker=4` from a clean checkout, and all that goes with it."""

import json
import os
import re
import shlex
import subprocess
import sys
import urllib.request

import pytest

from pipeline import PROJECT
from pipeline.postgres.database import Database
from tests.compose.conftest import CHUNK_ROWS, COMPOSE, PEOPLE, Stack, docker, free_port
from tests.support import expected_people, wait_until

OPERATIONS = (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")


def test_the_exporter_exits_0_with_the_right_summary(stack: Stack) -> None:
    [exporter] = stack.containers("exporter")
    assert stack.inspect(exporter)["State"]["ExitCode"] == 0, docker("logs", exporter)
    assert (stack.data / "summary_output.json").read_bytes() == (stack.data / "sample_output.json").read_bytes()


def test_the_foreground_shows_progress_from_the_start_and_at_the_end_the_summary_and_how_to_stop(stack: Stack) -> None:
    assert "waiting for the producer" in stack.shown_while_loading
    assert "rows queued" not in stack.shown_while_loading
    wait_until(lambda: "Ctrl-C stops them" in stack.up_log.read_text())
    shown = stack.up_log.read_text()
    queued = f"people.csv: {PEOPLE:,} of {PEOPLE:,} rows queued"
    logged = (queued, "reports into /data; /data/report.html shows them on one page", "Ctrl-C stops them")
    results = (queued, "; 0 deleted", "/data/summary_output.json", "Ctrl-C stops them")
    for texts in (logged, results):  # the engine passes stdout and stderr of the exporter on side by side
        places = [shown.index(text) for text in texts]
        assert places == sorted(places)
    assert '"level": "error"' not in shown


def test_the_monitor_shows_the_load_on_this_machine(stack: Stack) -> None:
    address = f"http://127.0.0.1:{stack.environment['MONITOR_PORT']}"
    with urllib.request.urlopen(f"{address}/api/status", timeout=30) as answer:
        status = json.load(answer)
    assert (status["state"], len(status["workers"])) == ("idle", 4)
    assert {load["source"]: load["inserted"] for load in status["loads"]} == {"people.csv": PEOPLE, "places.csv": 113}
    assert sum(worker["rows"] for worker in status["workers"]) == PEOPLE + 113


def test_the_status_in_the_container_of_the_monitor_has_its_exit_code(stack: Stack) -> None:
    shown = stack.run("exec", "-T", "monitor", "python", "-m", "pipeline", "status", "--exit-code")
    assert (shown.returncode, shown.stdout.partition(":")[0]) == (0, "idle"), shown.stderr


def test_the_log_lines_of_all_stages_are_json_between_the_results(stack: Stack) -> None:
    """The stack has LOG_FORMAT=json."""
    services = ("producer", "worker", "exporter", "monitor")
    lines = stack.run("logs", "--no-color", "--no-log-prefix", *services).stdout.splitlines()
    loggers = {json.loads(line)["logger"] for line in lines if line.startswith("{")}
    assert loggers >= {"worker", "monitor", "pipeline.results"}
    assert any(line.startswith("people.csv: ") for line in lines)


def test_rq_dashboard_shows_the_workers_on_this_machine(stack: Stack) -> None:
    profile, port = ("--profile", "monitoring"), str(free_port())
    command = ("up", "-d", "--build", "--no-deps", "rq-dashboard")
    up = stack.run(*profile, *command, RQ_DASHBOARD_PORT=port)
    assert up.returncode == 0, up.stderr
    workers = f"http://127.0.0.1:{port}/0/data/workers.json"

    def are_shown() -> bool:
        try:
            with urllib.request.urlopen(workers, timeout=30) as answer:
                return len(json.load(answer)["workers"]) == 4
        except OSError:
            return False

    wait_until(are_shown)
    down = stack.run(*profile, "rm", "-s", "-f", "rq-dashboard")
    assert down.returncode == 0, down.stderr


def test_no_row_stays_on_the_volume_of_redis(stack: Stack) -> None:
    rows = [row for row in (stack.data / "people.csv").read_text().splitlines() if row.isascii()]
    patterns = [part for row in rows[:: PEOPLE // 20] for part in ("-e", row)]
    grep = ("sh", "-c", 'cat /data/appendonlydir/* | grep -a -c -F "$@"', "sh")
    assert stack.exec("redis", *grep, *patterns).stdout.strip() == "0"


def test_no_run_loads_another_folder_than_the_one_that_is_named(stack: Stack) -> None:
    """The shipped data folder is there too."""
    assert (stack.checkout / "data" / "people.csv").exists()
    assert stack.rows("SELECT name, row_count FROM sources JOIN loads ON source_id = sources.id ORDER BY 1") == [
        ("people.csv", PEOPLE),
        ("places.csv", 113),
    ]


def test_check_and_dry_run_see_the_named_folder(stack: Stack) -> None:
    run = ("run", "-T", "--rm", "producer", "python", "-m")
    check = stack.run(*run, "pipeline", "check", "/data/places.csv", "/data/people.csv")
    assert check.returncode == 0, check.stderr
    assert f"/data/people.csv: {PEOPLE:,} rows, no problems\n" in check.stdout
    preview = stack.run(*run, "producer", "--dry-run")
    assert preview.returncode == 0, preview.stderr
    assert "people.csv" in preview.stdout


def test_run_exporter_starts_at_once_and_no_producer(stack: Stack) -> None:
    [producer] = stack.containers("producer")
    before = stack.inspect(producer)["State"]
    exporter = stack.run("run", "--rm", "exporter")
    assert exporter.returncode == 0, exporter.stderr
    assert "waiting for the producer" not in exporter.stderr
    assert stack.inspect(producer)["State"] == before


def test_four_workers_share_the_chunks_and_rq_info_shows_them_from_host_and_container(stack: Stack) -> None:
    environment = {**os.environ, "RQ_REDIS_URL": stack.redis_url, "RQ_QUEUE_CLASS": "pipeline.queue.RqChunkQueue"}
    command = [sys.executable, "-m", "rq.cli", "info"]
    from_host = subprocess.run(command, env=environment, capture_output=True, text=True)
    inside = stack.run("exec", "-T", "worker", "rq", "info")
    for shown in (from_host, inside):
        assert shown.returncode == 0, shown.stderr
        assert "4 workers, 1 queues" in shown.stdout
        assert re.search(r"^chunks +\|", shown.stdout, re.MULTILINE)
        finished = [int(count) for count in re.findall(r"jobs: (\d+) finished", shown.stdout)]
        assert len(finished) == 4
        assert min(finished) > 0
        assert sum(finished) >= PEOPLE / CHUNK_ROWS


def test_producer_and_exporter_again_change_nothing(stack: Stack) -> None:
    reports = {path.name: path.read_bytes() for path in stack.data.iterdir()}
    producer = stack.run("run", "--rm", "producer")
    assert producer.returncode == 0, producer.stderr
    assert f"people.csv: {PEOPLE:,} rows, unchanged, nothing to do" in producer.stdout
    exporter = stack.run("run", "--rm", "exporter")
    assert exporter.returncode == 0, exporter.stderr
    assert {path.name: path.read_bytes() for path in stack.data.iterdir()} == reports


def test_the_table_holds_the_rows_of_the_file(stack: Stack) -> None:
    assert stack.people() == expected_people(stack.data)


def test_a_dump_is_made_and_restored_as_documented(stack: Stack) -> None:
    commands = re.findall(r"^docker-compose (exec -T postgres pg_.*)$", OPERATIONS, re.MULTILINE)
    assert [command.split()[3] for command in commands] == ["pg_dump", "pg_restore"]
    stack.exec("postgres", "createdb", "-h", "/run/postgresql", "-U", "pipeline", "restored")
    for command in commands:
        line = f"{shlex.join(COMPOSE)} {command.replace('-d pipeline', '-d restored')}"
        ended = subprocess.run(
            ["sh", "-c", line], cwd=stack.checkout, env=stack.environment, capture_output=True, text=True, timeout=60
        )
        assert ended.returncode == 0, ended.stderr
    with Database(f"{stack.database_url.removesuffix('/pipeline')}/restored", "tests").transaction() as tx:
        assert tx.value("SELECT count(*) FROM people") == PEOPLE
    stack.exec("postgres", "dropdb", "--force", "-h", "/run/postgresql", "-U", "pipeline", "restored")


def test_the_workers_are_connected_with_the_rights_of_their_role(stack: Stack) -> None:
    with Database(stack.database_url, "tests").transaction() as tx:
        users = tx.rows(
            "SELECT usename, count(*) FROM pg_stat_activity WHERE application_name = 'pipeline worker' GROUP BY 1"
        )
        granted = tx.value("SELECT has_parameter_privilege('pipeline_worker', 'session_replication_role', 'SET')")
    assert users == [("pipeline_worker", 4)]
    assert granted  # so that they check the key to places once a chunk


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another owner")
@pytest.mark.parametrize("owner", [1000, 501, 0])
def test_reports_belong_to_whoever_owns_the_data_folder(stack: Stack, owner: int) -> None:
    stack.give_data_to(owner)
    exporter = stack.run("run", "--rm", "exporter")
    assert exporter.returncode == 0, exporter.stderr
    summary = (stack.data / "summary_output.json").stat()
    assert (summary.st_uid, summary.st_gid) == (owner, owner)
