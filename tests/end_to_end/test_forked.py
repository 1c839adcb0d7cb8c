"""A forked command answers as one does that a new Python runs."""

import os
import re
import signal
import sys

import pytest

from tests.conftest import Commands
from tests.forked import start_forked
from tests.support import start_process

TIME = re.compile(r'"time": "[^"]+"')


@pytest.mark.parametrize(
    ("command", "log_format"),
    [
        ("pipeline", "text"),
        ("pipeline check data", "text"),
        ("producer --chunk-rows x", "json"),
        ("worker --version", "text"),
        ("exporter --output /nowhere --debug", "json"),
        ("monitor --help", "text"),
        ("monitor.rq_dashboard --help", "text"),
    ],
)
def test_it_answers_as_a_new_python_does(command: str, log_format: str) -> None:
    environment = {"PATH": os.environ["PATH"], "LOG_FORMAT": log_format}
    forked = start_forked(command.split(), environment)
    new = start_process([sys.executable, "-m", *command.split()], environment)
    out, err = forked.communicate(timeout=60)
    expected_out, expected_err = new.communicate(timeout=60)
    assert (forked.returncode, out) == (new.returncode, expected_out)
    assert TIME.sub("", err) == TIME.sub("", expected_err)


def test_it_has_the_variables_that_it_is_given() -> None:
    assert "PATH" in os.environ
    process = start_forked(["pipeline.cli.container", "worker", "/usr/bin/env"], {"GIVEN": "1"})
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "GIVEN=1\n" in out
    assert "PATH=" not in out


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_it_ends_by_a_signal_as_a_process_does(commands: Commands, number: int, code: int) -> None:
    process = commands.start("worker")
    assert process.stderr
    assert "worker ready" in process.stderr.readline()
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == code
