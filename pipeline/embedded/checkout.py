"""Which checkout a state of root's belongs to: a copy of a checkout has the same link to it, and must not use it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.embedded.state_folder import MARKER


def record_owner(link: Path) -> None:
    """Writes the path of the link's checkout into the marker of the state that it leads to."""
    owner = os.fsencode(link.parent.resolve())
    marker = link / MARKER
    if not marker.exists() or marker.read_bytes() != owner:
        marker.write_bytes(owner)


def other_owner(link: Path) -> Path | None:
    """The checkout that the link's state belongs to, if that is not the one with this link.

    A checkout that was moved keeps its state: where the recorded path has no link to the state any more, it belongs to
    the checkout that uses it next. So does a state of an earlier version, which recorded none.
    """
    with suppress(FileNotFoundError):
        recorded = (link / MARKER).read_bytes()
        if not recorded:
            return None
        owner = Path(os.fsdecode(recorded))
        other_link = owner / link.name
        if not owner.samefile(link.parent) and other_link.is_symlink() and other_link.samefile(link):
            return owner
    return None


@contextmanager
def locked(checkout: Path) -> Iterator[None]:
    """One process at a time makes or changes the link of a checkout."""
    folder = os.open(checkout, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
