"""The folder of the embedded servers' state: only a folder that the pipeline made is used, and later removed.

A marker file tells it from other folders; of root's state it names the checkout (see checkout.py). Folders that earlier
versions made have no marker.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import SettingsError

MARKER = ".pipeline-state"
LOCKS = ("in-use", "starting")
FOLDERS = ("postgresql", "postgresql.partial", "valkey", "software")
FILES = tuple(f"{server}.{kind}" for server in ("postgresql", "valkey") for kind in ("password", "port", "log"))
PARTIAL_FILES = tuple(f"{name}.partial" for name in FILES)
OWN = (*FOLDERS, *FILES, *PARTIAL_FILES, *LOCKS, MARKER)  # in the order in which they are removed


def claim(folder: Path) -> Path:
    """Creates a state folder, or takes an empty one; returns its path without links.

    Raises SettingsError if the folder is not the pipeline's, or cannot be used.
    """
    with _usable(folder):
        folder.mkdir(parents=True, exist_ok=True)
        folder = folder.resolve()
        if not any(folder.iterdir()):
            (folder / MARKER).touch()
        elif not is_state(folder):
            raise SettingsError(
                f"PIPELINE_STATE: '{folder}' holds files that are not the pipeline's; name a new or empty folder"
            )
    return folder


def check_exists(folder: Path) -> None:
    """Raises SettingsError if there is no state in the folder. Changes nothing."""
    with _usable(folder):
        if not folder.is_dir() or not any(folder.iterdir()):
            raise SettingsError(
                f"PIPELINE_STATE: no state in '{folder}': nothing is loaded there;"
                " start `pipeline run` first, or name the folder of its state with --state"
            )


def find(folder: Path, folder_of_links: Path) -> Path | None:
    """The path, without links, of the state that is to be removed; None if there is none. Changes nothing.

    Raises SettingsError if the folder is not the pipeline's, or a link to a folder that is not in `folder_of_links`.
    """
    with _usable(folder):
        if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
            return None
        target = folder.resolve()
        if folder.is_symlink() and target.parent != folder_of_links.resolve():
            raise SettingsError(f"PIPELINE_STATE: '{folder}' is a link; name the folder itself: '{target}'")
        if not is_state(target):
            raise SettingsError(f"PIPELINE_STATE: '{folder}' was not made by the pipeline; nothing was removed from it")
    return target


def remove(folder: Path) -> list[str]:
    """Removes what the pipeline keeps in a state folder, and the folder if nothing is left in it.

    Returns the names that are left. Links are removed, not what they lead to.
    """
    for path in (folder / name for name in OWN):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    left = sorted(path.name for path in folder.iterdir())
    if not left:
        folder.rmdir()
    return left


def is_state(folder: Path) -> bool:
    """Whether the pipeline made the folder, in this version or an earlier one."""
    names = {path.name for path in folder.iterdir()}
    if MARKER in names:
        return True
    lock = folder / LOCKS[0]  # the first file that earlier versions made, always empty
    if lock.is_symlink() or not lock.is_file() or lock.stat().st_size:
        return False
    is_cluster_there = (folder / "postgresql" / "PG_VERSION").is_file() and "postgresql.password" in names
    return is_cluster_there or names <= set(OWN)


@contextmanager
def _usable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SettingsError(
            f"PIPELINE_STATE: cannot use '{folder}': {error.strerror}; name another with --state"
        ) from error
