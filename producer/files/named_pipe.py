"""A named pipe as a file: a read waits for a program that writes, and no longer than DRAIN_TIMEOUT."""

import io
import logging
import os
import select
import time
from pathlib import Path
from typing import Any

from pipeline import remedies
from pipeline.errors import DrainTimeoutError
from pipeline.waiting import longest_wait

POLL_INTERVAL = 200  # milliseconds
NO_WRITER_WARNING = 3.0  # seconds without a byte until a warning is logged

logger = logging.getLogger(__name__)


class NamedPipe(io.FileIO):
    """Opening it does not wait. A read raises DrainTimeoutError if nothing is written in time."""

    def __init__(self, path: Path) -> None:
        super().__init__(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "r")
        self._path = path
        self._has_warned = False
        self._poll = select.poll()
        self._poll.register(self.fileno(), select.POLLIN)

    def readinto(self, buffer: Any) -> int | None:
        start = time.monotonic()
        while not self._poll.poll(POLL_INTERVAL):  # without a writer the pipe would look empty, and at its end
            waited = time.monotonic() - start
            if waited >= longest_wait():
                raise DrainTimeoutError(
                    f"DRAIN_TIMEOUT: nothing was written into the named pipe {self._path} for {longest_wait():g} s;"
                    f" start the program that writes into it, then {remedies.current.produce_again}"
                )
            if waited >= NO_WRITER_WARNING and not self._has_warned:
                self._has_warned = True
                logger.warning("waiting for a program that writes into the named pipe %s", self._path)
        return super().readinto(buffer)
