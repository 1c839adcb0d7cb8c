"""The folder of the reports. Only files that an exporter wrote are replaced."""

import fcntl
import filecmp
import logging
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from pipeline.errors import SettingsError

PREFIX = ".reports-"  # of the folder in which an exporter writes reports before it replaces the previous ones
LOCK = ".exporter-lock"  # file in that folder, locked as long as the exporter runs

logger = logging.getLogger(__name__)


def check_writable(output: Path) -> None:
    """Raises SettingsError, naming OUTPUT_DIR, if reports cannot be written there."""
    if os.path.isfile(output):
        raise SettingsError(f"OUTPUT_DIR: '{output}' is a file; name a folder with --output")
    try:
        if not output.is_dir():
            raise SettingsError(f"OUTPUT_DIR: no folder '{output}'; create it or name another with --output")
        with tempfile.TemporaryFile(dir=output):
            pass
    except OSError as error:
        raise SettingsError(
            f"OUTPUT_DIR: cannot write into '{output}': {error.strerror}; correct its rights or the setting"
        ) from error


@contextmanager
def temporary_folder(output: Path) -> Iterator[Path]:
    """A folder in `output` that is removed at the end; the next exporter removes it if this process is killed."""
    _remove_abandoned(output)
    with tempfile.TemporaryDirectory(dir=output, prefix=PREFIX) as name:
        unlocked = Path(name, "unlocked")
        with unlocked.open("xb") as lock:
            with suppress(OSError):  # no locks on this file system: a killed exporter's folder stays
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                unlocked.rename(unlocked.with_name(LOCK))  # locked from the first moment under this name
            yield Path(name)


def replace(paths: Sequence[Path], output: Path, owned: Collection[str]) -> None:
    """Moves files into `output`, in order, each in place of the one of its name.

    A file that is there and not among the `owned` names, a link or a folder is renamed, unless it holds the same.
    """
    foreign = [path.name for path in paths if _is_foreign(output / path.name, path, owned)]
    for path in paths:
        target = output / path.name
        if path.name in foreign:
            backup = _unused_name(target)
            target.rename(backup)
            logger.warning("%s was not written by the exporter; it is kept as %s", target, backup)
        path.replace(target)


def _remove_abandoned(output: Path) -> None:
    """Removes the temporary folders of exporters that were killed."""
    for folder in output.glob(f"{PREFIX}*"):
        # No lock file: not of an exporter. An error: its exporter is running, or it is another user's.
        with suppress(OSError), (folder / LOCK).open("r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)


def _is_foreign(target: Path, written: Path, owned: Collection[str]) -> bool:
    if not os.path.lexists(target):
        return False
    if target.is_symlink() or not target.is_file():
        return True
    return target.name not in owned and not filecmp.cmp(target, written, shallow=False)


def _unused_name(target: Path) -> Path:
    names = (target.with_name(f"{target.name}.{number}.bak") for number in count(1))
    return next(name for name in names if not os.path.lexists(name))
