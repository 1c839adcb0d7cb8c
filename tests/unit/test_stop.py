"""How a process hears that it is to stop."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

COMMAND = """
import logging, os, signal, time, weakref
import click
from pipeline import command, stop

class Thing:
    pass

def lost(number):
    thing = Thing()
    reference = weakref.ref(thing, lambda _: os.kill(os.getpid(), number))
    del thing
    time.sleep(20)
    print("not stopped")

def held(number):
    with stop.held():
        os.kill(os.getpid(), number)
        time.sleep(0.1)
        print("whole")
    print("not stopped")

def in_exec(number):
    exec("os.kill(os.getpid(), number); time.sleep(20)")
    print("not stopped")

class Again(logging.Handler):
    def emit(self, record):
        os.kill(os.getpid(), signal.SIGTERM)

def twice(number):
    handler = signal.getsignal(number)
    logging.getLogger("pipeline").setLevel(logging.INFO)
    logging.getLogger("pipeline").addHandler(Again())
    try:
        os.kill(os.getpid(), number)
    finally:
        signal.signal(number, handler)
    print("not stopped")

@click.command()
def main():
    {situation}({number})

command.run(main, "test")
"""
WAYS = pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (signal.SIGINT, 130, "\nerror: interrupted; run it again to go on\n"),
        (signal.SIGTERM, 0, ""),
    ],
)


Ended = Callable[[str, int], "subprocess.CompletedProcess[str]"]


@pytest.fixture
def ended(tmp_path: Path) -> Ended:
    """Runs the command in a situation, as a module: only then does Python end by SIGINT of its own accord."""

    def run(situation: str, number: int) -> "subprocess.CompletedProcess[str]":
        (tmp_path / "told.py").write_text(COMMAND.format(situation=situation, number=int(number)))
        command = [sys.executable, "-m", "told"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=10)

    return run


@WAYS
def test_a_signal_that_meets_a_callback_is_not_lost(ended: Ended, number: int, code: int, said: str) -> None:
    """What is raised in the callback of a weak reference, Python prints and forgets."""
    process = ended("lost", number)
    assert (process.returncode, process.stdout, process.stderr) == (code, "", said)


@WAYS
def test_a_signal_that_is_held_is_heard_when_what_must_be_whole_is_whole(
    ended: Ended, number: int, code: int, said: str
) -> None:
    process = ended("held", number)
    assert (process.returncode, process.stdout, process.stderr) == (code, "whole\n", said)


@WAYS
def test_a_signal_that_meets_exec_has_the_same_exit_code_as_any(
    ended: Ended, number: int, code: int, said: str
) -> None:
    process = ended("in_exec", number)
    assert (process.returncode, process.stdout, process.stderr) == (code, "", said)


def test_a_second_signal_is_not_heard_also_where_handlers_have_been_put_back(ended: Ended) -> None:
    """As a worker does, which has handlers of its own while it works."""
    process = ended("twice", signal.SIGTERM)
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")
