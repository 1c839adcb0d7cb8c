"""Patterns of strptime, as Table Schema writes the formats of dates: read the same in every locale."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from pipeline.columns.types.column_type import BadTextError

MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
DIRECTIVES = {
    "d": "3[01]|[12][0-9]|0?[1-9]",
    "m": "1[0-2]|0?[1-9]",
    "Y": "[0-9]{4}",
    "y": "[0-9]{2}",
    "j": "36[0-6]|3[0-5][0-9]|[12][0-9]{2}|0?[1-9][0-9]|0{0,2}[1-9]",
    "B": "|".join(MONTHS),
    "b": "|".join(month[:3] for month in MONTHS),
    "H": "2[0-3]|[01]?[0-9]",
    "I": "1[0-2]|0?[1-9]",
    "M": "[0-5]?[0-9]",
    "S": "[0-5]?[0-9]",
    "f": "[0-9]{1,6}",
    "p": "am|pm",
    "z": r"z|[+-](?:0[0-9]|1[0-3]):?[0-5][0-9]|[+-]14:?00",
}
FIXED = {"d": "[0-9]{2}", "m": "[0-9]{2}", "Y": "[0-9]{4}", "H": "[0-9]{2}", "M": "[0-9]{2}", "S": "[0-9]{2}"}
FIXED |= {"y": "[0-9]{2}", "I": "[0-9]{2}", "j": "[0-9]{3}", "f": "[0-9]{6}"}
DATE_DIRECTIVES, CLOCK_DIRECTIVES = set("dmYyjBb"), set("HIMSfp")
DAYS = ("d", "m"), ("d", "B"), ("d", "b"), ("j",)  # what tells the day of a year
ISO_PLACES = {"Y": 0, "m": 5, "d": 8, "H": 11, "M": 14, "S": 17}  # in 0000-00-00T00:00:00
ISO_PARTS = {"date": slice(0, 10), "time": slice(11, 19), "datetime": slice(0, 19)}
FIRST_OF_LAST_CENTURY = 69  # two digits of a year: 69 to 99 are of the 20th century, 00 to 68 of the 21st (POSIX)


class DatePattern:
    """A pattern that says exactly which day, time or both a text names. Raises ValueError if it does not."""

    def __init__(self, pattern: str, kind: str) -> None:
        """`kind` is date, time or datetime."""
        self._parts = re.findall(r"%.?|\s+|[^%\s]+", pattern, re.DOTALL)
        self._kind = kind
        directives = [part[1:] for part in self._parts if part[0] == "%" and part != "%%"]
        for directive in directives:
            if directive not in DIRECTIVES:
                raise ValueError(f"format {pattern!r}: the directive %{directive} is not supported")
            if directives.count(directive) > 1:
                raise ValueError(f"format {pattern!r} has the directive %{directive} twice")
        _check_complete(pattern, kind, set(directives))
        self.has_zone = "z" in directives
        self._bad = f"is not a {kind} of the form {pattern}"
        self._form = re.compile("".join(self._expressions()), re.IGNORECASE | re.ASCII)
        self._shape, self._places = self._fixed_places()

    def moment(self, text: str) -> datetime:
        """The day and time that a text names, of 1900-01-01 if it names no day. Raises BadTextError."""
        found = self._form.fullmatch(text)
        if not found:
            raise BadTextError(self._bad)
        try:
            return _moment({name: part.lower() for name, part in found.groupdict().items()})
        except (ValueError, OverflowError):
            raise BadTextError(self._bad) from None

    def in_order(self, joined: str, zeros: str, count: int) -> Sequence[str] | None:
        """Texts, one a line, in the default format; None if not all have two digits a part and four a year.

        `zeros` is the same with each digit a zero.
        """
        if not self._shape or zeros != self._shape + f"\n{self._shape}" * (count - 1):
            return None
        width = len(self._shape) + 1
        part = ISO_PARTS[self._kind]
        ordered = bytearray(b"0000-00-00T00:00:00"[part] + b"\n") * count
        ordered_width = part.stop - part.start + 1
        source = (joined + "\n").encode("ascii")
        for place, iso_place in self._places:
            ordered[iso_place - part.start :: ordered_width] = source[place::width]
        return ordered[:-1].decode("ascii").split("\n")

    def _expressions(self) -> list[str]:
        """A regular expression for each part. Digits next to digits have a fixed length, to be read in one way."""
        found = []
        for number, part in enumerate(self._parts):
            if part == "%%":
                found.append("%")
            elif part[0] == "%":
                name = part[1]
                around = self._parts[max(number - 1, 0) : number] + self._parts[number + 1 : number + 2]
                is_fixed = any(_is_digits(other) for other in around) and name in FIXED
                found.append(f"(?P<{name}>{FIXED[name] if is_fixed else DIRECTIVES[name]})")
            else:
                found.append(r"\s+" if part.isspace() else re.escape(part))
        return found

    def _fixed_places(self) -> tuple[str, list[tuple[int, int]]]:
        """What a text looks like with each digit a zero, and where each digit belongs; empty if that is not fixed."""
        shape, places = "", []
        for part in self._parts:
            if part[0] == "%" and part != "%%":
                if part[1] not in ISO_PLACES:
                    return "", []
                length = 4 if part == "%Y" else 2
                places += [(len(shape) + digit, ISO_PLACES[part[1]] + digit) for digit in range(length)]
                shape += "0" * length
            else:
                shape += part.replace("%%", "%")
        literal = "".join(part for part in self._parts if part[0] != "%")
        return ("", []) if not shape.isascii() or re.search("[0-9\n]", literal) else (shape, places)


def _is_digits(part: str) -> bool:
    return (part[0] == "%" and part[1:] in FIXED) or part[0].isdigit() or part[-1].isdigit()


def _check_complete(pattern: str, kind: str, directives: set[str]) -> None:
    """Raises ValueError unless the directives say exactly what the kind needs."""
    if kind != "time" and (len(directives & set("Yy")) != 1 or sum(directives >= set(day) for day in DAYS) != 1):
        raise ValueError(f"format {pattern!r} must give the day exactly once")
    if kind == "time" and directives & (DATE_DIRECTIVES | {"z"}):
        raise ValueError(f"format {pattern!r} has more than a time: declare the field as datetime")
    if kind == "date" and directives & (CLOCK_DIRECTIVES | {"z"}):
        raise ValueError(f"format {pattern!r} has more than a day: declare the field as datetime")
    if ("I" in directives) != ("p" in directives) or directives >= {"H", "I"}:
        raise ValueError(f"format {pattern!r} is ambiguous about the hour: use %I with %p, or %H without it")
    hour = directives & {"H", "I"}
    if (kind == "time" or directives & CLOCK_DIRECTIVES) and not hour:
        raise ValueError(f"format {pattern!r} has no hour")
    if ("S" in directives and "M" not in directives) or ("f" in directives and "S" not in directives):
        raise ValueError(f"format {pattern!r} leaves out a part of the time")


def _moment(parts: dict[str, str]) -> datetime:
    """Raises ValueError if there is no such day."""
    year = int(parts.get("Y") or 1900)
    if "y" in parts:
        year = int(parts["y"]) + (1900 if int(parts["y"]) >= FIRST_OF_LAST_CENTURY else 2000)
    hour = int(parts.get("H") or 0)
    if "I" in parts:
        hour = int(parts["I"]) % 12 + (12 if parts["p"] == "pm" else 0)
        if not 1 <= int(parts["I"]) <= 12:
            raise ValueError("no such hour")
    clock = (hour, int(parts.get("M") or 0), int(parts.get("S") or 0), int(parts.get("f", "0").ljust(6, "0")))
    zone = _zone(parts["z"]) if "z" in parts else None
    if "j" in parts:
        moment = datetime(year, 1, 1, *clock, tzinfo=zone) + timedelta(days=int(parts["j"]) - 1)
        if moment.year != year or parts["j"] == "000":
            raise ValueError("no such day")
        return moment
    name = parts.get("B") or parts.get("b")
    month = 1 + [month[:3] for month in MONTHS].index(name[:3]) if name else int(parts.get("m") or 1)
    return datetime(year, month, int(parts.get("d") or 1), *clock, tzinfo=zone)


def _zone(text: str) -> tzinfo:
    if text == "z":
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(-offset if text[0] == "-" else offset)
