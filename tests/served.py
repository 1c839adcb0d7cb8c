"""Pages that are served, each by a process of a test's own."""

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from tests.conftest import Commands

LISTENS = re.compile(r"http://127\.0\.0\.1:\d+")


@contextmanager
def serving(commands: Commands, module: str, **environment: str) -> Iterator[str]:
    """Yields the URL that `python -m MODULE` serves. At the end it is told to stop, and does."""
    process = commands.start(module, "--port", "0", **environment)
    try:
        assert process.stderr is not None
        found = LISTENS.search(process.stderr.readline())
        assert found, process.stderr.read()
        yield found[0]
    finally:
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
