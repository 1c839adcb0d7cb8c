"""The status as JSON, documented in docs/status.md: fields are added, never renamed or removed."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pipeline.status.shown import Status


def to_json(status: Status, *, indent: int | None = None) -> str:
    """One JSON object; times are in UTC, in ISO 8601, and numbers of seconds are rounded to milliseconds."""
    return json.dumps(_plain(asdict(status)), ensure_ascii=False, indent=indent)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")
    return round(value, 3) if isinstance(value, float) else value
