"""How a process hears that it is to stop."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import hear_sigint

COMMAND = """
import logging, os, signal, time, weakref
import click
from pipeline.cli import command
from pipeline import signals

class Thing:
    pass

def in_callback(number):
    thing = Thing()
    reference = weakref.ref(thing, lambda _: os.kill(os.getpid(), number))
    del thing
    time.sleep(20)
    print("not stopped")

def held(number):
    with signals.held():
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
Ended = Callable[[str, int], "subprocess.CompletedProcess[str]"]


@pytest.fixture
def ended(tmp_path: Path) -> Ended:
    """Runs the command in a situation, as a module: only then does Python end by SIGINT of its own accord."""

    def run(situation: str, number: int) -> "subprocess.CompletedProcess[str]":
        (tmp_path / "told.py").write_text(COMMAND.format(situation=situation, number=int(number)))
        command = [sys.executable, "-m", "told"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30, preexec_fn=hear_sigint)

    return run


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize(("situation", "printed"), [("in_callback", ""), ("held", "whole\n"), ("in_exec", "")])
def test_a_signal_is_answered_in_the_same_way_at_any_moment(
    ended: Ended, situation: str, printed: str, number: int, code: int
) -> None:
    """Callbacks of weak references lose exceptions, what is held is done whole first, and `exec` remembers SIGINT."""
    process = ended(situation, number)
    said = "\nerror: interrupted; run it again to go on\n" if number == signal.SIGINT else ""
    assert (process.returncode, process.stdout, process.stderr) == (code, printed, said)


def test_a_second_signal_is_not_heard_also_where_handlers_have_been_put_back(ended: Ended) -> None:
    """As a worker does, which has handlers of its own while it works."""
    process = ended("twice", signal.SIGTERM)
    assert (process.returncode, process.stdout, process.stderr) == (143, "", "")
