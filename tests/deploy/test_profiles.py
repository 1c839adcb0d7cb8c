"""docker-compose.yml with the profile `monitoring`, as each compose on this machine reads it."""

import os
import shlex
import shutil
import subprocess

import pytest
import yaml

from pipeline import PROJECT

COMPOSES = sorted({"docker-compose", "docker compose", os.environ.get("COMPOSE", "docker-compose")})
SERVICES = {"postgres", "redis", "schema", "producer", "worker", "exporter", "monitor"}
MONITORING = {"prometheus", "grafana", "rq-dashboard"}


@pytest.mark.parametrize("compose", COMPOSES)
def test_the_profile_adds_prometheus_grafana_and_rq_dashboard(compose: str) -> None:
    if not is_there(compose):
        pytest.skip(f"there is no `{compose}`")
    command = [*shlex.split(compose), "--profile", "monitoring", "config"]
    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert {*yaml.safe_load(ended.stdout)["services"]} == SERVICES | MONITORING


def is_there(compose: str) -> bool:
    command, *plugin = shlex.split(compose)
    if shutil.which(command) is None:
        return False
    return not plugin or subprocess.run([command, *plugin, "version"], capture_output=True).returncode == 0
