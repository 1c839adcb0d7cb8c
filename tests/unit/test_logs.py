"""Exceptions that nothing catches: a log line each, which names the exception and its place without its text."""

import json
import subprocess
import sys

import pytest

COMMAND = """
import sys, threading, warnings, weakref
import click
from pipeline.cli import command, settings

class Thing:
    def __del__(self):
        raise ValueError("Fiona\\x1b[31m")

def in_thread():
    raise ValueError("Fiona\\x1b[31m")

@click.command()
@click.argument("where")
@settings.logging_options
def main(where):
    if where == "thread":
        thread = threading.Thread(target=in_thread)
        thread.start()
        thread.join()
    elif where == "destructor":
        Thing()
    elif where == "warning":
        warnings.warn("Fiona\\x1b[31m", DeprecationWarning)
    else:
        sys.excepthook(ValueError, ValueError("Fiona\\x1b[31m"), None)  # as C code does that prints an exception

command.run(main, "test")
"""


@pytest.mark.parametrize("where", ["thread", "destructor", "library"])
def test_an_uncaught_exception_is_one_json_line_without_its_text(where: str) -> None:
    command = [sys.executable, "-c", COMMAND, where, "--log-format", "json"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30)
    [line] = ended.stderr.splitlines()
    entry = json.loads(line)
    assert entry["level"] == "error"
    assert entry["message"].startswith("uncaught ValueError")
    assert "Fiona" not in line


def test_a_warning_of_a_library_is_one_json_line() -> None:
    command = [sys.executable, "-W", "always", "-c", COMMAND, "warning", "--log-format", "json"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30)
    entries = [json.loads(line) for line in ended.stderr.splitlines()]
    assert any("DeprecationWarning: Fiona\\x1b[31m" in entry["message"] for entry in entries)
    assert {entry["level"] for entry in entries} == {"warning"}
