"""A real Prometheus, with the configuration in deploy/monitoring."""

import json
import os
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipeline import PROJECT
from tests.support import wait_until

FOLDER = PROJECT / "deploy" / "monitoring"


def needed(command: str) -> str:
    """The path of a command of Debian's package prometheus; without it the test is skipped, or fails in CI."""
    path = shutil.which(command)
    if path is None:
        missing = f"there is no {command}: install Debian's package prometheus"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return path


class Prometheus:
    def __init__(self, port: int) -> None:
        self._port = port

    def get(self, path: str, **parameters: str) -> Any:
        """The data of an answer of the HTTP API."""
        url = f"http://127.0.0.1:{self._port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]

    def query(self, expression: str) -> dict[tuple[str, ...], float]:
        """What an expression returns now: values of its labels, in the order of their names -> value."""
        return {
            tuple(
                value for name, value in sorted(sample["metric"].items()) if name not in ("__name__", "instance", "job")
            ): float(sample["value"][1])
            for sample in self.get("query", query=expression)["result"]
        }

    def answers(self) -> bool:
        try:
            return "activeTargets" in self.get("targets")
        except OSError:
            return False


@contextmanager
def prometheus(folder: Path, monitor_port: str, password: str) -> Iterator[Prometheus]:
    """Scrapes the monitor at a port, and evaluates the alerts, each second."""
    server = needed("prometheus")
    (folder / "monitor_password").write_text(password, encoding="utf-8")
    shutil.copy(FOLDER / "alerts.yml", folder)
    config = (FOLDER / "prometheus.yml").read_text()
    for shipped, own in (
        ("monitor:8080", f"127.0.0.1:{monitor_port}"),
        ("/tmp/monitor_password", str(folder / "monitor_password")),
        ("scrape_interval: 5s", "scrape_interval: 1s"),
        ("evaluation_interval: 15s", "evaluation_interval: 1s"),
    ):
        assert shipped in config
        config = config.replace(shipped, own)
    (folder / "prometheus.yml").write_text(config)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = (f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data")
    command = [server, *options, f"--web.listen-address=127.0.0.1:{port}"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        started = Prometheus(port)
        wait_until(lambda: process.poll() is not None or started.answers())
        assert process.poll() is None, (folder / "log").read_text()
        yield started
    finally:
        process.terminate()
        process.wait(timeout=30)
