"""The commands, variables, ports and probes of deploy/kubernetes, run as written: as processes, on real servers."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis import Redis

from tests.conftest import PEOPLE, PLACES, Services
from tests.deploy.manifests import Manifest, containers, environment, render, settings
from tests.forked import start_forked
from tests.support import wait_until

STAGE_PASSWORD = "of/the stages@"
MONITOR_PASSWORD = "of the page"
TEMPLATE = "with_schema"
TIMEOUT = 60  # seconds
GRACE = 15  # seconds, terminationGracePeriodSeconds of every pod


@dataclass
class Cluster:
    """Starts containers as processes: hosts, ports and folders of the test, everything else as in the manifests."""

    services: Services
    data: Path
    port: int
    manifests: list[Manifest] = field(default_factory=lambda: render("keda"))
    started: list["subprocess.Popen[str]"] = field(default_factory=list)

    def environment(self, name: str) -> dict[str, str]:
        database, redis = urlsplit(self.services.database_url), urlsplit(self.services.redis_url)
        servers = {
            "DATABASE_HOST": str(database.hostname),
            "DATABASE_PORT": str(database.port),
            "DATABASE_NAME": database.path.removeprefix("/"),
            "REDIS_URL": f"redis://{redis.hostname}:{redis.port}/0",
        }
        passwords = {
            "OWNER_PASSWORD": str(database.password),
            "STAGE_PASSWORD": STAGE_PASSWORD,
            "REDIS_PASSWORD": str(redis.password),
            "MONITOR_PASSWORD": MONITOR_PASSWORD,
        }
        given = environment(self.container(name), settings(self.manifests) | servers, passwords)
        folders = {variable: str(self.data) for variable, value in given.items() if value == "/data"}
        ports = {"MONITOR_PORT": str(self.port)} if "MONITOR_PORT" in given else {}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {"PATH": path, **given, **folders, **ports}

    def container(self, name: str) -> Manifest:
        return containers(self.manifests)[name]

    def start(self, name: str) -> "subprocess.Popen[str]":
        python, option, *command = self.container(name)["command"]
        assert (python, option) == ("python", "-m")
        process = start_forked(command, self.environment(name))
        self.started.append(process)
        return process

    def run(self, name: str) -> str:
        process = self.start(name)
        out, err = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 0, err
        return out

    def probe(self, name: str, kind: str) -> bool:
        """Asks as the kubelet does: by a command inside the container, or a connection to its port."""
        container = self.container(name)
        probe = container[f"{kind}Probe"]
        if "exec" in probe:
            return subprocess.run(probe["exec"]["command"], env=self.environment(name), timeout=TIMEOUT).returncode == 0
        [port] = [each for each in container["ports"] if each["name"] == probe["tcpSocket"]["port"]]
        assert {"name": "MONITOR_PORT", "value": str(port["containerPort"])} in container["env"]
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 5).close()
            return True
        return False


@pytest.fixture
def cluster(services: Services, login_roles: None, tmp_path: Path) -> Iterator[Cluster]:  # noqa: ARG001
    (tmp_path / "places.csv").write_text(PLACES)
    (tmp_path / "people.csv").write_text(PEOPLE)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    cluster = Cluster(services, tmp_path, port)
    yield cluster
    for process in cluster.started:
        process.kill()
        process.communicate()


def test_the_containers_load_a_folder_and_their_probes_tell_when_they_are_there(cluster: Cluster) -> None:
    cluster.run("schema")
    assert not cluster.probe("worker", "startup")
    worker, monitor = cluster.start("worker"), cluster.start("monitor")
    with Redis.from_url(cluster.services.redis_url) as redis:
        wait_until(lambda: redis.scard("rq:workers"))  # to ask the probe again and again takes 0.3 s of CPU each time
    assert cluster.probe("worker", "startup")
    assert cluster.container("worker")["livenessProbe"]["exec"] == cluster.container("worker")["startupProbe"]["exec"]
    wait_until(lambda: cluster.probe("monitor", "readiness"))
    assert cluster.probe("monitor", "startup")
    assert cluster.probe("monitor", "liveness")
    assert "people.csv: 4 of 4 rows queued" in cluster.run("producer")
    assert "4 rows = 4 inserted" in cluster.run("exporter")
    assert (cluster.data / "summary_output.json").exists()
    for process in (worker, monitor):
        process.terminate()
        _, err = process.communicate(timeout=GRACE)
        assert process.returncode == 0, err
    assert not cluster.probe("worker", "liveness")
    assert not cluster.probe("monitor", "liveness")
