"""The name by which logs, ledger and queue know a process of the pipeline."""

import os
import socket


def process_name() -> str:
    """Host name and process id, such as `worker-3-17`."""
    return f"{socket.gethostname()}-{os.getpid()}"
