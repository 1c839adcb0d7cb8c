"""Free space for the embedded servers: a run ends, with the reason, before its servers fill the disk."""

import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.errors import PipelineError
from pipeline.stop import Stopped

RESERVE = 64  # MiB that must stay free; a new cluster takes 40, and its write-ahead log grows by 16 at a time
CHECK_INTERVAL = 0.2  # seconds


def shortage(state: Path) -> str | None:
    """Why the servers cannot use the disk of their state folder; None if it has enough free space."""
    free = shutil.disk_usage(state).free >> 20
    if free >= RESERVE:
        return None
    return (
        f"PIPELINE_STATE: no space left on the disk of '{state}': {free} MiB free, {RESERVE} MiB needed;"
        " free some space, or name a folder on another disk"
    )


@contextmanager
def watched(state: Path) -> Iterator[None]:
    """Stops the block as SIGTERM would when the disk of the state folder runs short; raises PipelineError then.

    Only for the main thread of a command, where SIGTERM raises Stopped. Without this, stages would retry what a full
    disk refuses until DRAIN_TIMEOUT.
    """
    found: list[str] = []
    ended = threading.Event()
    main_thread = threading.get_ident()

    def watch() -> None:
        while not found and not ended.wait(CHECK_INTERVAL):
            with suppress(OSError):  # the folder is gone, and the servers fail by themselves
                if reason := shortage(state):
                    found.append(reason)
                    signal.pthread_kill(main_thread, signal.SIGTERM)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        try:
            yield
        finally:
            ended.set()
            watcher.join()
    except Stopped as stopped:
        if found:
            raise PipelineError(found[0]) from stopped
        raise
