"""Runs with embedded servers, and the processes of those servers."""

import os
import subprocess
from pathlib import Path

import psutil

from tests.forked import run_forked, start_forked

ENVIRONMENT = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
BOTH = {"postgres", "valkey-server"}
SUMMARY = '{"Scotland":2,"Ireland":1,"Wales":1}'


def start(data: Path, state: Path, *options: str) -> "subprocess.Popen[str]":
    return start_forked(["pipeline", "run", "--data", str(data), "--state", str(state), *options], ENVIRONMENT)


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
    return run_forked(["pipeline", "forget", source, "--state", str(state)], ENVIRONMENT)


def reset(state: Path) -> "subprocess.CompletedProcess[str]":
    return run_forked(["pipeline", "reset", "--state", str(state)], ENVIRONMENT)
