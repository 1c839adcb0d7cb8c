"""The real containers: `docker-compose up --scale worker=4` from a clean checkout, and all that goes with it."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline import PROJECT
from pipeline.database import Database
from tests.conftest import expected_people, generate, wait_until

REQUIRED = bool(os.environ.get("COMPOSE_REQUIRED"))  # set where an engine is there for certain: then no test is skipped
PEOPLE = 50_000
CHUNK_ROWS = 500


@dataclass(frozen=True)
class Stack:
    """A checkout of its own, and the compose project that runs in it."""

    checkout: Path
    compose: list[str]
    environment: dict[str, str]
    redis_port: int

    @property
    def data(self) -> Path:
        return self.checkout / "data"

    def run(self, *arguments: str, timeout: float = 300) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*self.compose, *arguments],
            cwd=self.checkout,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def containers(self, service: str) -> list[str]:
        return self.run("ps", "-q", service).stdout.split()

    def inspect(self, container: str) -> dict:
        return json.loads(docker("inspect", container))[0]


def docker(*arguments: str) -> str:
    ended = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def compose_command() -> list[str] | None:
    """docker-compose or `docker compose`, if it is there and an engine answers."""
    for command in (["docker-compose"], ["docker", "compose"]):
        try:
            for check in ([*command, "version"], ["docker", "version"]):
                subprocess.run(check, check=True, capture_output=True, timeout=60)
        except (OSError, subprocess.SubprocessError):
            continue
        return command
    return None


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def leftovers(project: str) -> str:
    label = f"label=com.docker.compose.project={project}"
    return "".join(docker(*kind, "ls", *all_, "-q", "--filter", label) for kind, all_ in KINDS)


KINDS = ((("container",), ("-a",)), (("volume",), ()), (("network",), ()))


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """The stack after `up --scale worker=4`, when its exporter has ended."""
    compose = compose_command()
    if compose is None:
        reason = "no Docker Engine answers, or there is neither docker-compose nor `docker compose`"
        if REQUIRED:
            pytest.fail(reason)
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="pipeline-compose-") as folder:
        checkout = Path(folder) / "checkout"
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, check=True, capture_output=True, text=True)
        for name in filter(None, listed.stdout.split("\0")):
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, checkout / name)
        generate(checkout / "data", PEOPLE)
        redis_port = free_port()
        environment = {
            **os.environ,
            "COMPOSE_PROJECT_NAME": f"pipeline{os.getpid()}",
            "POSTGRES_PORT": str(free_port()),
            "REDIS_PORT": str(redis_port),
            "CHUNK_ROWS": str(CHUNK_ROWS),
        }
        stack = Stack(checkout, compose, environment, redis_port)
        log = Path(folder) / "up.log"
        with log.open("w") as output:
            up = subprocess.Popen(
                [*compose, "up", "--build", "--scale", "worker=4"],
                cwd=checkout,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_until(lambda: up.poll() is not None or exporter_has_ended(stack), timeout=600)
            assert up.poll() is None, log.read_text()
            yield stack
        finally:
            up.terminate()
            up.wait(60)
            down = stack.run("down", "-v", "--remove-orphans", "--rmi", "local")
            assert down.returncode == 0, down.stderr


def exporter_has_ended(stack: Stack) -> bool:
    return [stack.inspect(one)["State"]["Status"] for one in stack.containers("exporter")] == ["exited"]


def test_the_exporter_exits_0_with_the_right_summary(stack: Stack) -> None:
    [exporter] = stack.containers("exporter")
    assert stack.inspect(exporter)["State"]["ExitCode"] == 0, docker("logs", exporter)
    assert (stack.data / "summary_output.json").read_bytes() == (stack.data / "sample_output.json").read_bytes()


def test_four_workers_share_the_chunks_and_rq_info_shows_them_from_host_and_container(stack: Stack) -> None:
    url = f"redis://:pipeline@127.0.0.1:{stack.redis_port}/0"
    from_host = subprocess.run([sys.executable, "-m", "rq.cli", "info", "--url", url], capture_output=True, text=True)
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
    url = f"postgresql://pipeline:pipeline@127.0.0.1:{stack.environment['POSTGRES_PORT']}/pipeline"
    with Database(url, "tests").transaction() as tx:
        held = tx.rows(
            "SELECT row_number, given_name, family_name, date_of_birth::text, city FROM people"
            " JOIN places ON places.id = place_id"
        )
    assert Counter(held) == expected_people(stack.data)


def test_the_workers_are_connected_with_the_rights_of_their_role(stack: Stack) -> None:
    url = f"postgresql://pipeline:pipeline@127.0.0.1:{stack.environment['POSTGRES_PORT']}/pipeline"
    with Database(url, "tests").transaction() as tx:
        users = tx.rows(
            "SELECT usename, count(*) FROM pg_stat_activity WHERE application_name = 'pipeline worker' GROUP BY 1"
        )
    assert users == [("pipeline_worker", 4)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another owner")
@pytest.mark.parametrize("owner", [1000, 501, 0])
def test_reports_belong_to_whoever_owns_the_data_folder(stack: Stack, owner: int) -> None:
    for path in (stack.data, *stack.data.iterdir()):
        os.chown(path, owner, owner)
    exporter = stack.run("run", "--rm", "exporter")
    assert exporter.returncode == 0, exporter.stderr
    summary = (stack.data / "summary_output.json").stat()
    assert (summary.st_uid, summary.st_gid) == (owner, owner)


def test_ports_are_published_on_the_loopback_address_alone(stack: Stack) -> None:
    for service in ("postgres", "redis", "worker"):
        for container in stack.containers(service):
            bindings = stack.inspect(container)["NetworkSettings"]["Ports"]
            hosts = {binding["HostIp"] for published in bindings.values() for binding in published or ()}
            assert hosts == (set() if service == "worker" else {"127.0.0.1"})


def test_images_are_not_roots_and_hold_no_password(stack: Stack) -> None:
    for service in ("producer", "worker", "exporter"):
        container = stack.run("ps", "-a", "-q", service).stdout.split()[0]
        image = stack.inspect(stack.inspect(container)["Image"])
        assert image["Config"]["User"] == "10001:10001"
        assert "pipeline@" not in json.dumps(image)
        assert "PASSWORD" not in json.dumps(image["Config"]["Env"])
    assert stack.run("exec", "-T", "worker", "id", "-u").stdout.strip() == "10001"


def test_docker_stop_ends_a_worker_in_order(stack: Stack) -> None:
    worker = stack.containers("worker")[-1]
    docker("stop", "--time", "10", worker)
    state = stack.inspect(worker)["State"]
    assert (state["Status"], state["ExitCode"]) == ("exited", 0)
    docker("start", worker)


def test_down_leaves_nothing(stack: Stack) -> None:
    """Last: the other tests need the stack."""
    assert leftovers(stack.environment["COMPOSE_PROJECT_NAME"])
    down = stack.run("down", "-v", "--remove-orphans")
    assert down.returncode == 0, down.stderr
    assert leftovers(stack.environment["COMPOSE_PROJECT_NAME"]) == ""
