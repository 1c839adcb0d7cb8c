"""Free space for the embedded servers: a run ends, with the reason, before its servers fill the disk."""

import shutil
from pathlib import Path

RESERVE = 64  # MiB that must stay free; a new cluster takes 40, and its write-ahead log grows by 16 at a time


def shortage(state: Path) -> str | None:
    """Why the servers cannot use the disk of their state folder; None if it has enough free space."""
    free = shutil.disk_usage(state).free >> 20
    if free >= RESERVE:
        return None
    return (
        f"PIPELINE_STATE: no space left on the disk of '{state}': {free} MiB free, {RESERVE} MiB needed;"
        " free some space, or name a folder on another disk"
    )
