"""The stack that tests of the containers share: brought up once, from a clean checkout.

Two processes run the tests by file, each with such a stack. A file finds it running with four workers and leaves it so.
"""

import fcntl
import json
import os
import shlex
import shutil
import socket
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

import pytest

from pipeline import PROJECT
from pipeline.postgres.database import Database
from tests.support import generate, wait_until

REQUIRED = bool(os.environ.get("COMPOSE_REQUIRED"))  # set where an engine is there for certain: then no test is skipped
COMPOSE = shlex.split(os.environ.get("COMPOSE", "docker-compose"))
PEOPLE = 20_000
CHUNK_ROWS = 200
REVISION = "0123abc"  # a label of the image
OWNER = 1234  # of the data folder, which is closed to others
# Whatever a user may choose; nothing of it is escaped.
PASSWORDS = {
    "POSTGRES_PASSWORD": "p@ss \"w\\o%41rd' $HOME:/?#ä",
    "STAGE_PASSWORD": " st@ge'\"\\ %2F:/?#ö ",
    "REDIS_PASSWORD": "r@dis \"\\' %25:/?#ü $HOME",
}


@dataclass(frozen=True)
class Stack:
    """A checkout of its own, and the compose project that runs in it."""

    checkout: Path
    environment: dict[str, str]
    up_log: Path  # what the foreground of its `up` shows
    shown_while_loading: str = ""  # what it had shown when the exporter began to wait for the producer

    @property
    def data(self) -> Path:
        return self.checkout / "generated"

    @property
    def project(self) -> str:
        return self.environment["COMPOSE_PROJECT_NAME"]

    @property
    def redis_url(self) -> str:
        password = quote(PASSWORDS["REDIS_PASSWORD"], safe="")
        return f"redis://:{password}@127.0.0.1:{self.environment['REDIS_PORT']}/0"

    @property
    def database_url(self) -> str:
        password = quote(PASSWORDS["POSTGRES_PASSWORD"], safe="")
        return f"postgresql://pipeline:{password}@127.0.0.1:{self.environment['POSTGRES_PORT']}/pipeline"

    def run(
        self, *arguments: str, timeout: float = 300, files: tuple[str, ...] = (), **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*COMPOSE, *(part for file in files for part in ("-f", file)), *arguments],
            cwd=self.checkout,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def containers(self, service: str) -> list[str]:
        """The containers of a service that `up` made, also those that have ended."""
        labels = {"project": self.project, "service": service, "oneoff": "False"}
        filters = [f"--filter=label=com.docker.compose.{name}={value}" for name, value in labels.items()]
        return docker("ps", "-a", "-q", *filters).split()

    def exec(self, service: str, *command: str) -> "subprocess.CompletedProcess[str]":
        """A command in the first container of a service. The engine's client takes a tenth of compose's time for it."""
        return subprocess.run(
            ["docker", "exec", self.containers(service)[0], *command], capture_output=True, text=True, timeout=60
        )

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with Database(self.database_url, "tests").transaction() as tx:
            return tx.rows(statement)

    def people(self) -> Counter[tuple[Any, ...]]:
        """The people that the database holds, to be compared with expected_people."""
        return Counter(
            self.rows(
                "SELECT row_number, given_name, family_name, date_of_birth::text, city FROM people"
                " JOIN places ON places.id = place_id"
            )
        )

    def give_data_to(self, owner: int) -> None:
        for path in (self.data, *self.data.iterdir()):
            os.chown(path, owner, owner)

    def up(self, *files: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """`up` as cron calls it: ends with the exporter, and stops everything. What it shows is all in stdout."""
        settings = {"LOG_FORMAT": "text", **environment}
        ended = self.run("up", "--exit-code-from", "exporter", files=files, timeout=300, **settings)
        # Compose v2 shows on stderr what a container writes there.
        return subprocess.CompletedProcess(ended.args, ended.returncode, ended.stdout + ended.stderr)

    def inspect(self, container: str) -> dict[str, Any]:
        [inspected] = json.loads(docker("inspect", container))
        return dict(inspected)


def docker(*arguments: str) -> str:
    ended = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def succeeds(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def log(container: str) -> str:
    return subprocess.run(
        ["docker", "logs", container], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
    ).stdout


def logged_errors(container: str) -> list[str]:
    """The messages of level error or above that a stage has logged under LOG_FORMAT=json."""
    entries = (json.loads(line) for line in log(container).splitlines() if line.startswith("{"))
    return [entry["message"] for entry in entries if entry["level"] in ("error", "critical")]


def leftovers(project: str) -> str:
    label = f"label=com.docker.compose.project={project}"
    return "".join(docker(*kind, "ls", *all_, "-q", "--filter", label) for kind, all_ in KINDS)


KINDS = ((("container",), ("-a",)), (("volume",), ()), (("network",), ()))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture(scope="session")
def engine() -> None:
    """A Docker Engine that answers."""
    if not succeeds("docker", "version"):
        _without("no Docker Engine answers")


@pytest.fixture(scope="session")
def stack(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:  # noqa: ARG001
    """The stack after `up --scale worker=4`, when its exporter has ended."""
    with new_stack("pipeline", tmp_path_factory) as stack:
        with stack.up_log.open("w") as output:
            up = subprocess.Popen(
                [*COMPOSE, "up", "--build", "--scale", "worker=4"],
                cwd=stack.checkout,
                env=stack.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            shown = stack.up_log.read_text
            wait_until(lambda: up.poll() is not None or "waiting for the producer" in shown(), timeout=600)
            stack = replace(stack, shown_while_loading=shown())
            wait_until(lambda: up.poll() is not None or _state(stack, "exporter") == ["exited"], timeout=120)
            assert up.poll() is None, shown()
            yield stack
        finally:
            up.terminate()
            up.wait(90)


@contextmanager
def new_stack(name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A checkout and its image; nothing is started. At the end all that was started in it is gone."""
    if not succeeds(*COMPOSE, "version"):
        _without(f"there is no `{shlex.join(COMPOSE)}`; name another command with COMPOSE")
    with tempfile.TemporaryDirectory(prefix="pipeline-compose-") as folder:
        checkout = Path(folder) / "checkout"
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, check=True, capture_output=True, text=True)
        for file in filter(None, listed.stdout.split("\0")):
            (checkout / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / file, checkout / file)
        generate(checkout / "generated", PEOPLE)
        subprocess.run(["chmod", "-R", "go=", checkout], check=True)  # as under umask 077
        environment = {
            **os.environ,
            **PASSWORDS,
            "COMPOSE_PROJECT_NAME": f"{name}{os.getpid()}",
            "DATA": "./generated",
            "REVISION": REVISION,
            "POSTGRES_PORT": str(free_port()),
            "REDIS_PORT": str(free_port()),
            "MONITOR_PORT": str(free_port()),
            "CHUNK_ROWS": str(CHUNK_ROWS),
            "LOG_FORMAT": "json",
        }
        stack = Stack(checkout, environment, Path(folder) / "up.log")
        if os.geteuid() == 0:
            stack.give_data_to(OWNER)
        _build(stack, tmp_path_factory.getbasetemp().parent / "image-built")
        try:
            yield stack
        finally:
            down = stack.run("down", "-v", "--remove-orphans", "--rmi", "local")
            assert down.returncode == 0, down.stderr


def _build(stack: Stack, built: Path) -> None:
    """Builds the image once for all processes of the tests; later builds are in the engine's cache.

    The file `built` is locked meanwhile, and says at the end that it is done.
    """
    with built.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not built.stat().st_size:
            ended = stack.run("build", "worker", timeout=600)
            assert ended.returncode == 0, ended.stdout + ended.stderr
            file.write("built")


def _without(what: str) -> NoReturn:
    if REQUIRED:
        pytest.fail(what)
    pytest.skip(what)


def _state(stack: Stack, service: str) -> list[str]:
    return [stack.inspect(one)["State"]["Status"] for one in stack.containers(service)]
