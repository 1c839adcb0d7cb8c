"""Free space for the embedded servers: a run ends, with the reason, before its servers fill the disk."""

import shutil
from pathlib import Path

RESERVE = 64  # MiB that must stay free; the write-ahead log grows by 16 at a time
# MiB that a new state folder needs: the cluster 40, for root a copy of the software 45, the reserve, and first rows.
NEW_STATE = 200


def shortage(state: Path, needed: int = RESERVE) -> str | None:
    """Why the servers cannot use the disk of their state folder; None if `needed` MiB are free."""
    free = shutil.disk_usage(state).free >> 20
    if free >= needed:
        return None
    return (
        f"PIPELINE_STATE: no space left on the disk of '{state}': {free} MiB free, {needed} MiB needed;"
        " free some space, or name a folder on another disk"
    )
