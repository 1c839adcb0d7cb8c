"""Being told to stop, also while a call into PostgreSQL or Redis blocks.

Python runs the handler of a signal only when such a call has returned, and a statement that waits for a lock may
not return for long. A thread hears of each signal at once, and ends what does not end by itself.
"""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

CALL_GRACE = 4.0  # seconds that a call in progress has to end by itself
CUT_INTERVAL = 1.0  # seconds
AT_LATEST = 8.0  # seconds after which the process ends as if killed, which harms nothing; docker kills after 10

requested = threading.Event()  # set when SIGTERM or SIGINT has arrived

logger = logging.getLogger(__name__)


def listen(cut: Callable[[], None], exit_codes: dict[int, int] | None) -> None:
    """When told to stop, sets `requested` and, a little later, calls `cut` in another thread again and again.

    SIGALRM, by which RQ ends a job that takes too long, calls `cut` at once. With `exit_codes` (by signal) the
    process ends with the signal's at the latest after a while.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=_hear, args=(reader, cut, exit_codes), daemon=True).start()


def _hear(reader: int, cut: Callable[[], None], exit_codes: dict[int, int] | None) -> None:
    while number := os.read(reader, 1):
        if number[0] == signal.SIGALRM:
            with suppress(Exception):
                cut()
        elif number[0] in (signal.SIGTERM, signal.SIGINT):
            requested.set()
            _end(number[0], cut, exit_codes)


def _end(number: int, cut: Callable[[], None], exit_codes: dict[int, int] | None) -> None:
    start = time.monotonic()
    time.sleep(CALL_GRACE)
    while exit_codes is None or time.monotonic() < start + AT_LATEST:
        with suppress(Exception):
            cut()
        time.sleep(CUT_INTERVAL)
    logger.warning("a server does not answer: ended in mid-call; what was under way is taken up again")
    sys.stderr.flush()
    os._exit(exit_codes[number])
