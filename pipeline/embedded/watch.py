"""A watch over the embedded servers: a run ends, with the reason, when their disk runs short or one of them ends."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipeline.errors import PipelineError
from pipeline.signals import Stopped, held

CHECK_INTERVAL = 0.2  # seconds


@contextmanager
def watched(find_fault: Callable[[], str | None]) -> Iterator[None]:
    """Stops the block as SIGTERM would when `find_fault` returns a fault; raises PipelineError with it then.

    Only for the main thread of a command, where SIGTERM raises Stopped. Without this, stages would retry what a full
    disk or a dead server refuses until DRAIN_TIMEOUT.
    """
    found: list[str] = []
    ended = threading.Event()
    main_thread = threading.get_ident()

    def watch() -> None:
        while not found and not ended.wait(CHECK_INTERVAL):
            if fault := find_fault():
                found.append(fault)
                signal.pthread_kill(main_thread, signal.SIGTERM)

    watcher = threading.Thread(target=watch, daemon=True)
    with held():  # by the thread for good, so that the main thread can hold signals by itself
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
