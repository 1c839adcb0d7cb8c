"""Being told to stop, also while a call into PostgreSQL blocks.

Python runs the handler of a signal only when such a call has returned, and a statement that waits for a lock may
not return for long. A thread hears of each signal at once, and cancels the statement if it does not end by itself.
"""

import os
import signal
import threading
import time
from collections.abc import Callable

STATEMENT_GRACE = 4.0  # seconds that a running statement has to end by itself; docker stop kills after 10
CANCEL_INTERVAL = 1.0  # seconds

requested = threading.Event()  # set when SIGTERM or SIGINT has arrived


def listen(cancel: Callable[[], None]) -> None:
    """When this process is told to stop, sets `requested` and, a little later, calls `cancel` again and again.

    SIGALRM, by which RQ ends a job that takes too long, calls `cancel` at once.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=_hear, args=(reader, cancel), daemon=True).start()


def _hear(reader: int, cancel: Callable[[], None]) -> None:
    while number := os.read(reader, 1):
        if number[0] == signal.SIGALRM:
            cancel()
        elif number[0] in (signal.SIGTERM, signal.SIGINT):
            requested.set()
            time.sleep(STATEMENT_GRACE)
            while True:
                cancel()
                time.sleep(CANCEL_INTERVAL)
