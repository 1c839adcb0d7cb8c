"""The two embedded servers and their state, shared by all runs that use the same state folder.

Each run holds a shared lock on the file `in-use`, which the kernel drops however the run ends; the last
run stops the servers. What a killed run leaves behind, the next one finds and uses.
"""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pipeline.embedded import checkout, default_folder, state_folder
from pipeline.embedded.account import Account
from pipeline.embedded.disk import NEW_STATE, RESERVE, shortage
from pipeline.embedded.postgresql import Postgresql
from pipeline.embedded.server import ServerProcess
from pipeline.embedded.valkey import Valkey
from pipeline.errors import PipelineError, SettingsError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Servers:
    """Where the servers listen: on the loopback address only, with a password of their own."""

    database_url: str
    redis_url: str


@dataclass(frozen=True)
class RunningServers(Servers):
    """Servers that this machine runs, with what can keep them from serving."""

    state: Path
    processes: tuple[ServerProcess, ...]

    def fault(self) -> str | None:
        """Why the servers can serve no longer, with the remedy; None if nothing keeps them from it."""
        with suppress(OSError):  # the folder is gone, and the servers fail by themselves
            if reason := shortage(self.state):
                return reason
        return next(filter(None, (process.end() for process in self.processes)), None)


@contextmanager
def running(state: Path) -> Iterator[RunningServers]:
    """The servers with their state in `state`: started if no run has started them, stopped by the last one.

    Raises SettingsError if the wheels are not installed, or the folder cannot be used or is another checkout's,
    PipelineError if a server does not start.
    """
    if default_folder.is_link_of_root(state) and (owner := checkout.other_owner(state)):
        raise SettingsError(f"PIPELINE_STATE: {default_folder.belongs_to(state, owner)}; name another with --state")
    state = state_folder.claim(state)
    if reason := shortage(state, RESERVE if (state / "postgresql").exists() else NEW_STATE):
        raise SettingsError(reason)
    with ExitStack() as stack:
        in_use, starting = (stack.enter_context(_open(state / name)) for name in state_folder.LOCKS)
        stack.callback(_stop_if_unused, state, in_use, starting)
        with _locked(starting):
            if any(os.fstat(lock.fileno()).st_nlink == 0 for lock in (in_use, starting)):
                raise PipelineError(f"the embedded state in '{state}' was just removed; run it again")
            fcntl.flock(in_use, fcntl.LOCK_SH)
            servers = _start(state)
        yield servers


def reset(state: Path) -> list[str] | None:
    """Removes the state, and stops what a killed run left running; None if there is none.

    Of a link that was copied with a checkout only the link is removed: the state is the original's.
    Returns the names of files in the folder that are not the pipeline's: they stay. Raises SettingsError if the
    folder is not the pipeline's, PipelineError if a run is using it.
    """
    if default_folder.is_link_of_root(state) and (owner := checkout.other_owner(state)):
        logger.warning("%s; it stays as it is", default_folder.belongs_to(state, owner))
        state.unlink()
        return None
    folder = state_folder.find(state, default_folder.STATE_OF_ROOT)
    if folder is None:
        return None
    with _open(folder / "in-use") as in_use, _open(folder / "starting") as starting, _locked(starting):
        if not _is_unused(in_use):
            raise PipelineError(
                f"the embedded servers in '{state}' are in use; end the run, monitor or psql that uses them first"
            )
        _stop(folder)
        try:
            left = state_folder.remove(folder)
        except OSError as error:
            raise PipelineError(f"cannot remove '{error.filename}': {error.strerror}; remove it by hand") from error
    if state.is_symlink() and not left:
        state.unlink()
    return left


def _start(state: Path) -> RunningServers:
    account = Account()
    try:
        postgresql, valkey = Postgresql(state, account), Valkey(state, account)
        urls = postgresql.start(), valkey.start()
        return RunningServers(*urls, state, (postgresql.process(), valkey.process()))
    except (OSError, PipelineError) as error:
        if reason := shortage(state):
            raise PipelineError(reason) from error
        if isinstance(error, OSError):
            raise PipelineError(
                f"PIPELINE_STATE: cannot use '{state}': {error.strerror}; name another with --state"
            ) from error
        raise


def _stop(state: Path) -> None:
    account = Account()
    try:
        Valkey(state, account).stop()
    finally:
        Postgresql(state, account).stop()


def _stop_if_unused(state: Path, in_use: IO[str], starting: IO[str]) -> None:
    with _locked(starting):
        if _is_unused(in_use):
            _stop(state)


def _open(lock: Path) -> IO[str]:
    try:
        return open(os.open(lock, os.O_RDWR | os.O_CREAT, 0o600), "r+")
    except OSError as error:
        raise SettingsError(
            f"PIPELINE_STATE: cannot open '{lock}': {error.strerror}; name another with --state"
        ) from error


@contextmanager
def _locked(starting: IO[str]) -> Iterator[None]:
    """One run at a time starts or stops servers."""
    fcntl.flock(starting, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(starting, fcntl.LOCK_UN)


def _is_unused(in_use: IO[str]) -> bool:
    """Whether no other run holds the lock; drops the lock of this run."""
    fcntl.flock(in_use, fcntl.LOCK_UN)
    try:
        fcntl.flock(in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
