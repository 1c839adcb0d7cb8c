"""Runs with embedded servers, and the processes of those servers."""

import os
import subprocess
import sys
from pathlib import Path

import psutil

from pipeline import PROJECT
from tests.conftest import start_process

BOTH = {"postgres", "valkey-server"}
SUMMARY = '{"Scotland":2,"Ireland":1,"Wales":1}'


def start(data: Path, state: Path, *options: str) -> "subprocess.Popen[str]":
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = [sys.executable, "-m", "pipeline", "run", "--data", str(data), "--state", str(state), *options]
    return start_process(command, environment)


def run(data: Path, state: Path) -> str:
    process = start(data, state)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert (data / "summary_output.json").read_text() == SUMMARY
    return out


def servers_in(folder: Path) -> list[psutil.Process]:
    """PostgreSQL's and Valkey's processes whose data is below a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.name() in BOTH and Path(process.cwd()).is_relative_to(folder.resolve()):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def names_in(folder: Path) -> set[str]:
    return {process.name() for process in servers_in(folder) if process.is_running()}


def forget(source: str, state: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "pipeline", "forget", source, "--state", str(state)]
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=60)


def reset(state: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "pipeline", "reset", "--state", str(state)]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60)
