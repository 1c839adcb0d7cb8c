"""Signal handling: a stop does not interrupt what must be done whole, and ends calls that a server blocks.

Python runs the handler of a signal only after such a call has returned, and a statement that waits for a lock may take
long. A thread receives each signal at once, and ends calls that do not end by themselves.
"""

import _thread
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType, TracebackType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
CALL_GRACE = 4.0  # seconds that a call in progress has to end by itself
CUT_INTERVAL = 1.0  # seconds
CALLBACK_TIME = 0.01  # seconds that are enough for a callback to end
HARD_DEADLINE = 8.0  # seconds after which the process ends as if killed, which harms nothing; docker kills after 10

requested = threading.Event()  # set when one of the signals has arrived
_is_heard = False  # whether one has raised, and others are to do nothing

ReportUncaught = Callable[[type[BaseException], BaseException | None, TracebackType | None], None]

logger = logging.getLogger(__name__)


class Stopped(BaseException):
    """A signal told this process to stop.

    Not a KeyboardInterrupt: if one met `exec`, which makes a dataclass, Python ends by SIGINT even if it is caught.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.strsignal(number))
        self.number = number


def listen(cut: Callable[[], None], exit_codes: dict[int, int] | None, report: ReportUncaught) -> None:
    """From now on the first signal raises Stopped in the main thread; later ones are ignored.

    A thread then sets `requested` and, after CALL_GRACE, calls `cut` repeatedly. With `exit_codes` (by signal) the
    process exits with the signal's code after HARD_DEADLINE at the latest. SIGALRM, with which RQ ends a job that takes
    too long, calls `cut` at once. `report` gets exceptions that Python cannot raise anywhere.
    """
    sys.unraisablehook = partial(_redeliver, report)
    signal.signal(signal.SIGTERM, _stop)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as it is in the background of a shell
        signal.signal(signal.SIGINT, _stop)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # else nohup keeps the command going
        signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))  # its terminal was closed
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    with held():  # by the thread for ever, so that the main thread can hold them up by itself
        threading.Thread(target=_deliver, args=(reader, cut, exit_codes), daemon=True).start()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])  # a stage of a run begins with it blocked


def ignore_signals() -> None:
    """Ignores further signals, because the process is about to end."""
    global _is_heard
    _is_heard = True


@contextmanager
def held() -> Iterator[None]:
    """Delays signals of this process to the end of the block. Processes started in the block have them blocked."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    if not _is_heard:
        ignore_signals()
        raise Stopped(number)


def _redeliver(report: ReportUncaught, lost: "sys.UnraisableHookArgs") -> None:
    """Sends a signal again if its exception was raised in a weak reference's callback or the garbage collector.

    Python only passes such an exception to this function; the process would never stop.
    """
    global _is_heard
    if isinstance(lost.exc_value, Stopped):
        _is_heard = False
        # not by threading.Thread, which takes locks that may have been taken when the callback came
        _thread.start_new_thread(_send_later, (_thread.get_ident(), lost.exc_value.number))
    else:
        report(lost.exc_type, lost.exc_value, lost.exc_traceback)


def _send_later(thread: int, number: int) -> None:
    time.sleep(CALLBACK_TIME)
    signal.pthread_kill(thread, number)


def _deliver(reader: int, cut: Callable[[], None], exit_codes: dict[int, int] | None) -> None:
    while number := os.read(reader, 1):
        if number[0] == signal.SIGALRM:
            with suppress(Exception):
                cut()
        elif number[0] in SIGNALS:
            requested.set()
            _end(number[0], cut, exit_codes)


def _end(number: int, cut: Callable[[], None], exit_codes: dict[int, int] | None) -> None:
    start = time.monotonic()
    time.sleep(CALL_GRACE)
    while exit_codes is None or time.monotonic() < start + HARD_DEADLINE:
        with suppress(Exception):
            cut()
        time.sleep(CUT_INTERVAL)
    logger.warning("a server does not answer: ended in mid-call; a chunk that was being loaded is reclaimed")
    sys.stderr.flush()
    os._exit(exit_codes[number])
