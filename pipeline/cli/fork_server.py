"""The process that stages are forked from (Linux only). A kill leaves no file of it behind.

Imports little itself: a run starts that process before it reads its own modules.
"""

import multiprocessing
import os
import sys
import tempfile
from multiprocessing import forkserver, resource_tracker
from typing import Any

from pipeline import signals

CAN_FORK = sys.platform != "darwin"  # whose libraries do not bear being forked
MODULES = ["pipeline.cli.stages", "producer.__main__", "worker.__main__", "exporter.__main__"]


def read_modules() -> None:
    """Starts the process unless it runs, which then imports the modules of stages; does not wait for it.

    It ignores signals and ends with this process. Raises OSError if it cannot be started.
    """
    if not CAN_FORK:
        return
    forkserver.set_forkserver_preload(MODULES)
    resource_tracker.ensure_running()  # by itself, since it lets the signals through again
    with signals.held():
        _ensure_running()


def _ensure_running() -> None:
    """Starts multiprocessing's fork server unless it runs; raises OSError if it cannot be started.

    multiprocessing puts the server's socket into a temporary folder, which stays there if this process is killed.
    So the folder is removed at once, and the socket is reached through a descriptor. multiprocessing offers neither
    a socket without a file nor a folder of the caller's choice: hence the private attributes.
    """
    config = multiprocessing.current_process()._config  # type: ignore[attr-defined]
    server: Any = forkserver._forkserver
    with tempfile.TemporaryDirectory(prefix="p-") as folder:  # a socket's path must be short
        config["tempdir"] = folder
        try:
            forkserver.ensure_running()
            if server._forkserver_address.startswith(folder):
                descriptor = os.open(server._forkserver_address, os.O_PATH)
                server._forkserver_address = f"/proc/self/fd/{descriptor}"
        finally:
            del config["tempdir"]
