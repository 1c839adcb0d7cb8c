"""The process that stages are forked from (Linux only). A kill leaves no file of it behind."""

import multiprocessing
import os
import tempfile
from multiprocessing import forkserver
from typing import Any


def ensure_running() -> None:
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
