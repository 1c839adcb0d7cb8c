"""The two embedded servers and their state, shared by all runs that use the same state folder.

Each run holds a shared lock on the file `in-use`, which the kernel drops whatever ends the run; the last
run stops the servers. What a killed run leaves behind, the next one finds and uses.
"""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pipeline import PROJECT
from pipeline.embedded.account import Account, write_private
from pipeline.embedded.postgresql import Postgresql
from pipeline.embedded.valkey import Valkey
from pipeline.errors import PipelineError, SettingsError

STATE = PROJECT / ".pipeline"  # default
STATE_OF_ROOT = Path("/var/lib/csv-queue-pipeline")  # the servers' account can reach it, unlike root's home


@dataclass(frozen=True)
class Servers:
    """Where the servers listen: on the loopback address only, with a password of their own."""

    database_url: str
    redis_url: str


def default_state() -> Path:
    """The folder `.pipeline` of the project; for root a link to where the servers' account can reach it.

    A link and not a folder named after the project's path, so that another checkout at the same path starts anew.
    """
    if os.geteuid() == 0 and not STATE.exists():
        try:
            target = STATE_OF_ROOT / f"{PROJECT.name}-{secrets.token_hex(6)}"
            target.mkdir(parents=True)
            if STATE.is_symlink() and not STATE.exists():  # to a state that is gone
                STATE.unlink()
            STATE.symlink_to(target)
        except FileExistsError:
            target.rmdir()  # another run was faster
        except OSError as error:
            raise SettingsError(f"PIPELINE_STATE: cannot create '{STATE}': {error.strerror}; name another") from error
    return STATE


@contextmanager
def running(state: Path) -> Iterator[Servers]:
    """The servers with their state in `state`: started if no run has started them, stopped by the last one.

    Raises SettingsError if the wheels are not installed or the folder cannot be used, PipelineError if a
    server does not start.
    """
    try:
        state.mkdir(parents=True, exist_ok=True)
        state = state.resolve()
    except OSError as error:
        raise SettingsError(f"PIPELINE_STATE: cannot create '{state}': {error.strerror}; name another") from error
    postgresql, valkey = _servers(state)
    in_use = _open(state / "in-use")
    try:
        with _starting(state):
            fcntl.flock(in_use, fcntl.LOCK_SH)
            servers = Servers(postgresql.start(), valkey.start())
        yield servers
    finally:
        with _starting(state):
            in_use.close()
            if _is_unused(state):
                valkey.stop()
                postgresql.stop()


def reset(state: Path) -> bool:
    """Removes the state, and stops what a killed run left running; False if there is none.

    Raises PipelineError if a run is using it.
    """
    if not state.exists():
        return False
    with _starting(state):
        if not _is_unused(state):
            raise PipelineError(f"the embedded servers in '{state}' are in use; end the other run first")
        for server in _servers(state.resolve()):
            server.stop()
        shutil.rmtree(state.resolve())
        if state.is_symlink():
            state.unlink()
    return True


def _servers(state: Path) -> tuple[Postgresql, Valkey]:
    account = Account()
    return Postgresql(state, account), Valkey(state, account)


def _open(lock: Path) -> IO[str]:
    write_private(lock, "", replace=False)
    return lock.open("r+")


@contextmanager
def _starting(state: Path) -> Iterator[None]:
    """One run at a time starts or stops servers."""
    with _open(state / "starting") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_unused(state: Path) -> bool:
    with _open(state / "in-use") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
