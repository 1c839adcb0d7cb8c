"""Readings of a column's values: each a type with properties, and what makes it doubtful."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pipeline.columns.types import type_of
from pipeline.columns.types.column_type import BadTextError, ColumnType
from pipeline.descriptions.description import Field

# Texts that are numbers to a computer, and perhaps codes to people: found among lines with line ends on both sides.
LIKE_CODES = r"[+-]?0[0-9]|\+|[0-9]+[eE][0-9]+\n"
GROUPED_BY = {char: re.compile(rf"\n(?:{LIKE_CODES}|-?0+{re.escape(char)}|[^\n]*[eE])") for char in ",."}
NUMBER_LIKE_CODE = re.compile(rf"\n(?:{LIKE_CODES})")
PLURAL = re.compile("^(whole number|number|datetime|date|time|UUID)s")  # with which `shown` begins
WITHOUT_ZONE = re.compile(r"T[0-9:.]+\n")


@dataclass(frozen=True, eq=False)
class Reading:
    """One way to read values: a type with its properties, as a field of the description has them."""

    shown: str  # what the values are, such as: dates as YYYY-MM-DD
    properties: dict[str, Any]
    doubtful: re.Pattern[str] | None = None  # finds a text that has another meaning, among lines
    rival: "str | None" = None  # what another way to read the same values makes of them
    why_not: str | None = None  # why values are not read in this way, though they could be
    tested: dict[str, tuple[str, ...]] = field(default_factory=dict)  # attributes of the field that is tested

    @cached_property
    def column_type(self) -> ColumnType:
        own = {ATTRIBUTES.get(name, name): value for name, value in self.properties.items()}
        return type_of(Field("value", "value", **{**own, **self.tested}))

    def holds(self, texts: Sequence[str], joined: str) -> bool:
        """Whether all the texts, trimmed, are read in this way; `joined` has a line end between them."""
        if self.doubtful and self.doubtful.search(f"\n{joined}\n"):
            return False
        has_line_ends = joined.count("\n") >= len(texts)
        if not has_line_ends and self.column_type.quick(texts, joined) is not None:
            return True
        return all(map(self.is_value, texts))

    def is_value(self, text: str) -> bool:
        try:
            self.column_type.value(text)
        except BadTextError:
            return False
        return True

    def is_doubtful(self, text: str) -> bool:
        return bool(self.doubtful and self.doubtful.search(f"\n{text}\n"))

    @property
    def shown_singly(self) -> str:
        """What one value is, such as: a date as YYYY-MM-DD."""
        return PLURAL.sub(r"a \1", self.shown)

    @property
    def type_shown(self) -> str:
        """Such as: date %d/%m/%Y."""
        return " ".join((self.properties["type"], *filter(None, [self.properties.get("format")])))


ATTRIBUTES = {"decimalChar": "decimal_char", "groupChar": "group_char", "trueValues": "true_values"}
ATTRIBUTES |= {"falseValues": "false_values"}


def _number(shown: str, type_name: str, decimal: str = ".", group: str | None = None) -> Reading:
    properties = {"type": type_name}
    if decimal != ".":
        properties["decimalChar"] = decimal
    if group:
        properties["groupChar"] = group
    return Reading(shown, properties, doubtful=GROUPED_BY[group] if group else NUMBER_LIKE_CODE)


INTEGER = _number("whole numbers", "integer")
POINT = _number("numbers with a decimal point", "number")
COMMA = _number("numbers with a decimal comma", "number", ",")
GROUPS_BY_COMMA = (
    _number("whole numbers with commas between thousands", "integer", group=","),
    _number("numbers with commas between thousands", "number", group=","),
)
# Also for whole numbers: a point is the decimal character of an integer, and cannot part its groups.
GROUPS_BY_POINT = (_number("numbers with points between thousands and a decimal comma", "number", ",", "."),)
NUMBERS = (INTEGER, POINT, COMMA, *GROUPS_BY_COMMA, *GROUPS_BY_POINT)

TWO_DIGITS = "the century of a year of two digits is open"
LETTERS = "single letters may be codes"


def _booleans() -> Iterator[Reading]:
    words = (("true", "false", None), ("yes", "no", None), ("y", "n", LETTERS), ("t", "f", LETTERS))
    for true, false, why_not in words:
        spelled = {"true_values": _spellings(true), "false_values": _spellings(false)}
        properties: dict[str, Any] = {"type": "boolean"}
        if true == "yes":
            properties |= {"trueValues": list(_spellings(true)), "falseValues": list(_spellings(false))}
        yield Reading(f"'{true}' or '{false}'", properties, why_not=why_not, tested=spelled)


def _spellings(word: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((word, word.capitalize(), word.upper())))


def _moments() -> Iterator[Reading]:
    """Dates and datetimes; day and month as numbers, with the year last, have two orders."""
    yield Reading("dates as YYYY-MM-DD", {"type": "date"})
    yield Reading("datetimes with a time zone", {"type": "datetime"}, doubtful=WITHOUT_ZONE)
    yield _patterned("datetime", "%Y-%m-%d %H:%M:%S%z")
    clocks = ("%H:%M:%S", "%H:%M", "%H:%M:%S.%f")
    yield from (_patterned("datetime", f"%Y-%m-%dT{clock}") for clock in clocks)
    for day in ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d"):
        if day != "%Y-%m-%d":
            yield _patterned("date", day)
        yield from (_patterned("datetime", f"{day} {clock}") for clock in clocks)
    for sign in "/.-":
        for year, why_not in (("%Y", None), ("%y", TWO_DIGITS)):
            orders = (sign.join(("%d", "%m", year)), sign.join(("%m", "%d", year)))
            for day, other in (orders, orders[::-1]):
                yield _patterned("date", day, other, why_not)
                for clock in (*clocks, "%I:%M %p", "%I:%M:%S %p"):
                    yield _patterned("datetime", f"{day} {clock}", f"{other} {clock}", why_not)
        yield _patterned("date", sign.join(("%y", "%m", "%d")), why_not=TWO_DIGITS)
    for day in ("%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%d %B %Y", "%d-%B-%Y", "%B %d, %Y"):
        yield _patterned("date", day)
    yield Reading("times as hh:mm:ss", {"type": "time"})
    yield _patterned("time", "%H:%M", why_not="minutes and seconds look the same")


def _patterned(type_name: str, pattern: str, rival: str | None = None, why_not: str | None = None) -> Reading:
    return Reading(f"{type_name}s as {pattern}", {"type": type_name, "format": pattern}, rival=rival, why_not=why_not)


READINGS = (*NUMBERS, *_booleans(), *_moments(), Reading("UUIDs", {"type": "string", "format": "uuid"}))
