"""Logging, configured once by each command: lines for people, or JSON lines for machines."""

import json
import logging
import sys
import threading
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from pipeline.cli.terminal import printable, printable_lines

FORMATS = ("text", "json")
# What a record may carry besides its message, as numbers and names: fields of the line in JSON.
FIELDS = (
    *("source", "load", "chunk", "job", "chunks", "rows", "rows_done"),
    *("inserted", "updated", "unchanged", "rejected", "deleted"),
    *("seconds", "rows_per_second", "exit_code"),
)
RESULTS = "pipeline.results"  # logger of what people read on standard output: for machines alone

logger = logging.getLogger(__name__)


class TextFormatter(logging.Formatter):
    """A line of time (local), level and message; the lines of a traceback below it."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:
        return printable(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:
        return printable_lines(super().formatException(ei))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, and FIELDS. Nothing else, so no row contents."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": printable(record.getMessage()),  # a viewer may undo the escapes of JSON
        }
        for name in FIELDS:
            if (value := getattr(record, name, None)) is not None:
                entry[name] = _json_value(value)
        if record.exc_info:
            entry["traceback"] = printable_lines(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=False)


def _json_value(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    return round(value, 3) if isinstance(value, float) else value


def configure(log_format: str, *, debug: bool) -> None:
    """Sends log lines to stderr: of the project from info on (debug: all), of libraries warnings only, Python's too.

    From now on an exception that nothing catches is a log line too.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.basicConfig(handlers=[handler], level=logging.DEBUG if debug else logging.WARNING, force=True)
    for name in ("pipeline", "producer", "worker", "exporter", "monitor"):
        logging.getLogger(name).setLevel(logging.DEBUG if debug else logging.INFO)
    for name in ("rq.worker", "rq.job", "rq.queue", "rq.registry"):
        logging.getLogger(name).setLevel(logging.DEBUG if debug else logging.CRITICAL)  # the worker says it in a line
    logging.getLogger("paramiko").setLevel(logging.WARNING if debug else logging.CRITICAL)  # it raises what it logs
    for name in ("aiobotocore", "botocore", "fsspec", "gcsfs", "google", "s3fs", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)  # below that they hold signatures and contents of files
    logging.getLogger(RESULTS).setLevel(logging.INFO if log_format == "json" else logging.CRITICAL)
    logging.captureWarnings(True)
    sys.excepthook = log_uncaught
    threading.excepthook = lambda thrown: log_uncaught(thrown.exc_type, thrown.exc_value, thrown.exc_traceback)


def log_uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:  # noqa: ARG001
    """Names an exception and its place. Neither its text nor its traceback: both can quote rows."""
    place = traceback.extract_tb(trace)[-1:]
    where = f" at {place[0].filename}:{place[0].lineno}" if place else ""
    logger.error("uncaught %s%s", kind.__name__, where)
