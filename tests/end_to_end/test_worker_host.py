"""deploy/compose/worker.yml: a host of workers alone, contained like the workers of docker-compose.yml."""

import os
import shutil
import subprocess

import pytest
import yaml

from pipeline import PROJECT

FILE = PROJECT / "deploy" / "compose" / "worker.yml"
URLS = {"DATABASE_URL": "postgresql://pipeline_worker:a@b:5432/c", "REDIS_URL": "redis://:d@e:6379/0"}
OF_THE_STACK = {"depends_on", "entrypoint", "labels"}


def test_the_worker_differs_from_that_of_the_stack_in_its_servers_alone() -> None:
    [worker] = yaml.safe_load(FILE.read_text())["services"].values()
    of_stack = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]["worker"]
    assert worker.pop("image") == "${IMAGE:-csv-pipeline}"
    assert (FILE.parent / worker.pop("build")).resolve() == PROJECT
    variables, variables_of_stack = worker.pop("environment"), of_stack.pop("environment")
    assert {*variables} == {*URLS, "START_TIMEOUT", "QUEUE_NAME", "LOG_FORMAT"} <= {*variables_of_stack}
    of_stack.pop("build")
    assert worker == {name: value for name, value in of_stack.items() if name not in OF_THE_STACK}


def config(**environment: str) -> "subprocess.CompletedProcess[str]":
    compose = shutil.which("docker-compose") or pytest.skip("there is no docker-compose")
    command = [compose, "-f", str(FILE), "config"]
    return subprocess.run(command, env={"PATH": os.environ["PATH"], **environment}, capture_output=True, text=True)


def test_it_needs_two_urls_and_nothing_else() -> None:
    ended = config(**URLS)
    assert ended.returncode == 0, ended.stderr
    [worker] = yaml.safe_load(ended.stdout)["services"].values()
    assert URLS.items() <= worker["environment"].items()
    for missing in URLS:
        ended = config(**{name: url for name, url in URLS.items() if name != missing})
        assert ended.returncode != 0
        assert f"such as {URLS[missing].partition(':')[0]}://" in ended.stderr
