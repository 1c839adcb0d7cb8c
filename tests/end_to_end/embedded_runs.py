"""Runs with embedded servers, and the processes of those servers."""

import os
import subprocess
from pathlib import Path

import psutil

from tests.forked import run_forked, start_forked
from tests.support import administration

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


def copy_state(state: Path, copy: Path) -> Path:
    subprocess.run(["cp", "-a", state, copy], check=True)
    return copy


def are_up(state: Path) -> bool:
    """Whether both servers of a state without ports answer."""
    return (state / "valkey.port").exists()


def database_url(state: Path) -> str:
    """The URL of the PostgreSQL that runs in a state folder."""
    password, port = ((state / f"postgresql.{kept}").read_text() for kept in ("password", "port"))
    return f"postgresql://pipeline:{password}@127.0.0.1:{port}/postgres"


def is_loading(state: Path) -> bool:
    """Whether a run has committed chunks of people.csv, and some are left."""
    if not are_up(state):
        return False
    with administration(database_url(state)) as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM load_progress WHERE current AND NOT complete AND committed_chunks > 3)"
        )
        return bool(cursor.fetchone()[0])


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
