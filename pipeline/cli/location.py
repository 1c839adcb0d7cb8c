"""A file on the command line, by its path or its URL."""

import re
from pathlib import Path
from typing import Any

import click

from pipeline.url import Url


class LocationType(click.Path):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str) and re.match(r"[a-z][a-z0-9+.-]*://", value, re.IGNORECASE):
            return Url(value)
        return super().convert(value, param, ctx)


LOCATION = LocationType(path_type=Path)
