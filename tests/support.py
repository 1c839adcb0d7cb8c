"""What several tests do: statements and URLs of databases, processes, generated files, waiting, and examples."""

import csv
import io
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg2
from hypothesis import settings

from data.generate import write
from pipeline import PROJECT

FACTOR = os.environ.get("EXAMPLES")


def examples(count: int, **options: Any) -> settings:
    """Settings of a property: the same `count` examples in every run; with EXAMPLES=20, 20 times as many at random."""
    return settings(max_examples=count * int(FACTOR or 1), derandomize=FACTOR is None, deadline=None, **options)


@contextmanager
def administration(url: str) -> Iterator[Any]:
    """A cursor whose statements each commit by themselves."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        yield cursor


def administer(url: str, *statements: str) -> None:
    with administration(url) as cursor:
        for statement in statements:
            cursor.execute(statement)


def with_path(url: str, path: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=path))


def as_user(url: str, user: str, password: str) -> str:
    """The URL for another user than its own."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{user}:{password}@{parts.netloc.rpartition('@')[2]}"))


def hear_sigint() -> None:
    """A shell has the commands that it runs in the background ignore it, and so would what they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start_process(
    command: list[str], environment: dict[str, str], *, own_group: bool = False
) -> "subprocess.Popen[str]":
    """A process in the project's folder, which Ctrl-C would reach even if the tests run in the background."""
    return subprocess.Popen(
        command,
        cwd=PROJECT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_sigint,
        process_group=0 if own_group else None,
    )


MEASURED = """
import resource, subprocess, sys
ended = subprocess.run(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(ended.returncode)
"""


def run_measured(command: list[str], environment: Mapping[str, str]) -> list[str]:
    """The lines that a command prints, then its peak memory, in the units of `ru_maxrss`.

    A small process starts it: on Linux, the peak of a process is at least what the process that started it held.
    """
    line = [sys.executable, "-I", "-S", "-c", MEASURED, *command]
    ended = subprocess.run(line, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def generate(folder: Path, people: int, seed: int = 1) -> Path:
    """A folder with places, `people` generated people and the expected summary."""
    write(folder, people, seed)
    (folder / "example.csv").unlink()
    return folder


def expected_people(folder: Path) -> Counter[tuple[Any, ...]]:
    """The rows of people.csv as the table should hold them, counted by the csv module alone."""
    with (folder / "people.csv").open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        return Counter((number, *fields) for number, fields in enumerate(rows, 1))


class Terminal(io.StringIO):
    """A terminal as standard error, and what it shows."""

    def isatty(self) -> bool:
        return True


def wait_until(condition: Callable[[], object], timeout: float = 30) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


def at_once(function: Callable[[], object], times: int) -> None:
    """Runs a function in so many threads; raises the first error of any of them."""
    with ThreadPoolExecutor(times) as threads:
        for ended in [threads.submit(function) for _ in range(times)]:
            ended.result()
