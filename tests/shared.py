"""What the processes of one test session share: folders that the first one makes, and the others wait for."""

import fcntl
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FOLDER = pytest.StashKey[Path]()
IN_MEMORY = "/dev/shm"  # of Linux; a container's is small, and holds no program that can be run
MEMORY = 2**30  # bytes that files of servers may need


def memory() -> str | None:
    """A folder in memory: files of tables come and go all the time, which a disk's file system makes dear."""
    if not os.path.isdir(IN_MEMORY):
        return None
    system = os.statvfs(IN_MEMORY)
    is_fit = not system.f_flag & os.ST_NOEXEC and system.f_bavail * system.f_frsize > MEMORY
    return IN_MEMORY if is_fit else None


def pytest_configure(config: pytest.Config) -> None:
    """Not below pytest's own folder: root's stand-in could not enter that."""
    if worker := getattr(config, "workerinput", None):
        config.stash[FOLDER] = Path(worker["shared"])
        return
    folder = tempfile.TemporaryDirectory(prefix="pipeline tests ", dir=memory())
    config.add_cleanup(folder.cleanup)
    config.stash[FOLDER] = Path(folder.name)
    config.stash[FOLDER].chmod(0o755)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tells a process of xdist the folder."""
    node.workerinput["shared"] = str(node.config.stash[FOLDER])


def made_once(config: pytest.Config, name: str, make: Callable[[Path], object]) -> Path:
    """The folder that `make` makes at the path that it is given; it is not to be changed."""
    folder = config.stash[FOLDER]
    made, partial = folder / name, folder / f"{name}.partial"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            make(partial)
            partial.rename(made)
    return made
