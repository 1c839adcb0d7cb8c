"""Bounds and enum values of a description: each checked, and turned into the text that a cell would have."""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, time

from pipeline.descriptions.description import Field
from pipeline.descriptions.document import Node, Number

LONGEST_PATTERN = 100  # characters, of a format
# Limits on digits keep a bound from taking gigabytes when it is computed with.
DECIMAL = re.compile(r"[+-]?(\d{1,1000}(\.\d{0,1000})?|\.\d{1,1000})([eE][+-]?\d{1,3})?", re.ASCII)
INTEGER = re.compile(r"[+-]?\d{1,1000}", re.ASCII)
YEAR = re.compile(r"-?\d{4,6}", re.ASCII)
YEARMONTH = re.compile(r"-?\d{4,6}-(0[1-9]|1[0-2])", re.ASCII)
DURATION = re.compile(
    r"-?P(?=.)(\d{1,9}Y)?(\d{1,9}M)?(\d{1,9}D)?(T(?=.)(\d{1,9}H)?(\d{1,9}M)?(\d{1,9}(\.\d{1,9})?S)?)?", re.ASCII
)
DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
TIME = re.compile(r"\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?", re.ASCII)
MOMENTS = {
    "date": (datetime(2021, 11, 23, tzinfo=UTC), datetime(2021, 11, 23, 13, 45, 56, 789, tzinfo=UTC)),
    "time": (datetime(2021, 11, 23, 13, tzinfo=UTC), datetime(1987, 4, 15, 13, tzinfo=UTC)),
    "datetime": (datetime(2021, 11, 23, 13, tzinfo=UTC),),
}


def literal(node: Node, field: Field) -> str:
    """The value as the text of a cell of the field; raises InputError if it is not of the field's type."""
    value = node.value
    if isinstance(value, bool) and field.type == "boolean":
        return (field.true_values if value else field.false_values)[0]
    if isinstance(value, Number) and field.type in ("number", "integer", "year"):
        text = value.replace(".", field.decimal_char) if field.type == "number" else str(value)
    elif isinstance(value, str) and not isinstance(value, Number):
        text = value
    else:
        raise node.error(f"{node.shown} is not written as a value of type {field.type}", "write it as a string")
    if not _checks(field)(text):
        wanted = field.type if field.format == "default" else f"{field.type} of format '{field.format}'"
        raise node.error(f"{node.shown} is not a value of type {wanted}", "correct it, or the type")
    return text


def pattern_fault(type: str, pattern: str) -> tuple[str, str] | None:
    """Why a strptime pattern cannot be the format of a date, time or datetime, and the remedy; None if it can.

    Two moments that differ in nothing that the type holds must give one text, and that text the same value again.
    """
    if len(pattern) > LONGEST_PATTERN:
        return f"is longer than {LONGEST_PATTERN} characters", "shorten it"
    texts = [_formatted(moment, pattern) for moment in MOMENTS[type]]
    if len(set(texts)) > 1:
        return f"has more than a {type}", "remove the rest, or make the type datetime"
    moment = MOMENTS[type][0]
    try:
        read = datetime.strptime(texts[0], pattern)
    except (ValueError, re.error, IndexError) as error:
        return f"cannot be read: {error}", "use directives such as %Y, %m, %d, %H, %M and %S"
    if type != "time" and read.date() != moment.date():
        return "leaves the day open", "name day, month and year"
    if type != "date" and read.hour != moment.hour:
        return "leaves the hour open", "name the hour, with %p if it is %I"
    return None


def _formatted(moment: datetime, pattern: str) -> str:
    with suppress(ValueError):
        return moment.strftime(pattern)
    return ""


def _checks(field: Field) -> Callable[[str], object]:
    """Of a text: something true if it is of the field's type and format."""
    if field.type in ("date", "time", "datetime"):
        return lambda text: _is_moment(field, text)
    if field.type in ("number", "integer"):
        form = DECIMAL if field.type == "number" else INTEGER
        return lambda text: form.fullmatch(_plain_number(field, text))
    if field.type == "boolean":
        return lambda text: text in field.true_values or text in field.false_values
    forms = {"year": YEAR, "yearmonth": YEARMONTH, "duration": DURATION}
    return forms[field.type].fullmatch if field.type in forms else lambda _: True


def _plain_number(field: Field, text: str) -> str:
    if field.group_char:
        text = text.replace(field.group_char, "")
    return text.replace(field.decimal_char, ".") if field.type == "number" else text


def _is_moment(field: Field, text: str) -> bool:
    with suppress(ValueError):
        if field.format != "default":
            return bool(datetime.strptime(text, field.format))
        if field.type == "date":
            return bool(DATE.fullmatch(text) and date.fromisoformat(text))
        if field.type == "time":
            return bool(TIME.fullmatch(text)) and time.fromisoformat(text) is not None
        day, _, clock = text.partition("T")
        return bool(DATE.fullmatch(day) and TIME.fullmatch(clock) and datetime.fromisoformat(text))
    return False
