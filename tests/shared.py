"""What the processes of one test session share: folders that the first one makes, and the others wait for."""

import fcntl
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FOLDER = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Not below pytest's own folder: root's stand-in could not enter that."""
    if worker := getattr(config, "workerinput", None):
        config.stash[FOLDER] = Path(worker["shared"])
        return
    folder = tempfile.TemporaryDirectory(prefix="pipeline tests ")
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
