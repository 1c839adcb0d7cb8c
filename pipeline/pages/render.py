"""Templates, with every value escaped and numbers written as people read them."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.cli.terminal import printable
from pipeline.wording import counted, duration, size

TEMPLATES = Path(__file__).parent / "templates"
STYLE = Path(__file__).parent / "style.css"


def render(template: str, **values: object) -> str:
    """The text of a template of this folder. Raises UndefinedError if it names a value that is not given."""
    return _environment().get_template(template).render(**values)


def compile_templates() -> None:
    """Does now what the first use of a template does: a tenth of a second for all."""
    for template in _environment().list_templates():
        _environment().get_template(template)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": lambda value: f"{value:,.0f}",
        "counted": counted,
        "duration": duration,
        "size": size,
        "text": printable,
        "brief": _brief,
        "figure": lambda value: f"{value:,}",
        "share": lambda part, whole: f"{100 * part / whole:.2f}" if whole else "0",
        "moment": _moment,
        "percent": lambda part, whole: f"{100 * part / whole:.0f}" if whole else "100",
    }
    return environment


def _brief(text: str, length: int = 80) -> str:
    """The beginning of a text of any length."""
    return printable(text if len(text) <= length else f"{text[: length - 1]}…")


def _moment(value: datetime | None) -> str:
    """A time in UTC, to the second; a dash if it is not known."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if value else "–"
