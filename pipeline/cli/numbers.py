"""Numbers on the command line, with errors that quote the value; click's name a range."""

from typing import Any

import click

LONGEST_WAIT = 1_000_000_000  # seconds


class PositiveNumber(click.IntRange):
    """A whole number from 1 on."""

    def __init__(self) -> None:
        super().__init__(min=1)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"'{value}' is not a whole number from 1 on.", param, ctx)


class Seconds(click.FloatRange):
    """A number of seconds."""

    def __init__(self) -> None:
        super().__init__(min=0, max=LONGEST_WAIT)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"'{value}' is not a number from 0 to {LONGEST_WAIT:,}.", param, ctx)


class Port(click.IntRange):
    """A port to listen on; 0 takes a free one."""

    def __init__(self) -> None:
        super().__init__(0, 65535)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"'{value}' is not a port from 0 to 65535.", param, ctx)
