"""The state folder unless a setting names another: in a checkout its own, of an installed pipeline the user's."""

import logging
import os
import secrets
from pathlib import Path

from pipeline import PROJECT
from pipeline.embedded import checkout, state_folder
from pipeline.errors import SettingsError

NAME = "csv-queue-pipeline"
STATE_OF_ROOT = Path("/var/lib") / NAME  # the servers' account can reach it, unlike root's home

logger = logging.getLogger(__name__)


def path() -> Path:
    """The default state folder: `.pipeline` of a checkout, else the user's by the XDG rules, or root's in /var/lib.

    Raises SettingsError if the user has no home.
    """
    if _is_checkout():
        return PROJECT / ".pipeline"
    if os.geteuid() == 0:
        return STATE_OF_ROOT / "installed"
    return _user_states() / NAME


def prepare() -> Path:
    """The default state folder; for root in a checkout a link, which is created, to a folder in /var/lib.

    A link and not a folder named after the checkout's path, so that another checkout at the same path starts empty. So
    does a copy of a checkout: the link that was copied with it is replaced.
    """
    state = path()
    if os.geteuid() == 0 and _is_checkout() and (state.is_symlink() or not state.exists()):
        try:
            with checkout.locked(PROJECT):
                _link_to_own_state(state)
        except OSError as error:
            raise SettingsError(
                f"PIPELINE_STATE: cannot create '{state}': {error.strerror}; name another with --state"
            ) from error
    return state


def is_link_of_root(state: Path) -> bool:
    return state.is_symlink() and state.resolve().parent == STATE_OF_ROOT.resolve()


def belongs_to(state: Path, owner: Path) -> str:
    return f"the state that '{state}' leads to belongs to the checkout '{owner}', of which this is a copy"


def _is_checkout() -> bool:
    return (PROJECT / "pyproject.toml").is_file()


def _user_states() -> Path:
    """The folder of the user's states; a relative XDG_STATE_HOME does not count, as the XDG rules have it."""
    if (folder := Path(os.environ.get("XDG_STATE_HOME", ""))).is_absolute():
        return folder
    try:
        return Path.home() / ".local" / "state"
    except RuntimeError as error:
        raise SettingsError(
            "PIPELINE_STATE: the user has no home folder for the state; name a folder with --state"
        ) from error


def _link_to_own_state(state: Path) -> None:
    if state.exists():
        if not is_link_of_root(state):
            return  # the user's own
        if (owner := checkout.other_owner(state)) is None:
            if state_folder.is_state(state):
                checkout.record_owner(state)
            return
        logger.warning("%s; this one starts empty", belongs_to(state, owner))
    target = STATE_OF_ROOT / f"{PROJECT.name}-{secrets.token_hex(6)}"
    target.mkdir(parents=True)
    state.unlink(missing_ok=True)
    state.symlink_to(target)
    checkout.record_owner(state)
