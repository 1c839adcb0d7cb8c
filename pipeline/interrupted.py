"""Ctrl-C while a command imports its modules, before signal handling starts: one line instead of a traceback."""

import os
import sys
from types import TracebackType

MESSAGE = "interrupted; run it again to go on"


def install() -> None:
    """From now on Python ends with a line if Ctrl-C interrupts it; other exceptions it shows as before."""
    sys.excepthook = _show


def _show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    elif log_format() == "json":
        import json
        from datetime import UTC, datetime

        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": time, "level": "error", "logger": "pipeline", "message": MESSAGE})
        sys.stderr.write(f"{line}\n")
    else:
        sys.stderr.write(f"\nerror: {MESSAGE}\n")  # below the ^C that the terminal shows


def log_format() -> str:
    """The form of error lines, also before click has read the command line, or when it cannot."""
    for argument, value in zip(sys.argv, [*sys.argv[1:], ""], strict=True):
        if "--log-format" in (argument, argument.partition("=")[0]):
            return argument.partition("=")[2] or value
    return os.environ.get("LOG_FORMAT", "text")
