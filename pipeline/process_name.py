"""The name by which logs, ledger and queue know a process of the pipeline."""

import os
import socket
from uuid import uuid4

# Tells a process from one of the same host and id, such as that of a container which was started again.
_SUFFIX = uuid4().hex[:6]


def process_name() -> str:
    """Host name, process id and a random suffix, such as `worker-3-17-21b874`."""
    return f"{socket.gethostname()}-{os.getpid()}-{_SUFFIX}"
