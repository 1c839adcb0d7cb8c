"""Logging, configured once by each command: lines for people, or JSON lines for machines."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from pipeline.terminal import printable, printable_lines

FORMATS = ("text", "json")


class TextFormatter(logging.Formatter):
    """A line of time (local), level and message; the lines of a traceback below it."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:
        return printable(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:
        return printable_lines(super().formatException(ei))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message. Nothing else, so no row contents."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": printable(record.getMessage()),  # a viewer may undo the escapes of JSON
        }
        if record.exc_info:
            entry["traceback"] = printable_lines(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=False)


def configure(log_format: str, *, debug: bool) -> None:
    """Sends log lines to stderr: of the project from info on (debug: all), of libraries warnings only."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.basicConfig(handlers=[handler], level=logging.DEBUG if debug else logging.WARNING, force=True)
    for name in ("pipeline", "producer", "worker", "exporter"):
        logging.getLogger(name).setLevel(logging.DEBUG if debug else logging.INFO)
    for name in ("rq.worker", "rq.job", "rq.queue", "rq.registry"):
        logging.getLogger(name).setLevel(logging.DEBUG if debug else logging.CRITICAL)  # the worker says it in a line
