"""Dates and times from year 1 to 9999, in microseconds as PostgreSQL keeps them."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import ClassVar

from pipeline.columns.types.column_type import BadTextError, ColumnType, Value, clean, shaped
from pipeline.columns.types.patterned_dates import DatePattern
from pipeline.descriptions.description import Field

ZEROS = {ord(digit): "0" for digit in "123456789"}
DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
YEAR = re.compile("(?!0000)[0-9]{4}")
YEAR_MONTH = re.compile("(?!0000)[0-9]{4}-(?:0[1-9]|1[0-2])")
_CLOCK = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
# The same without looking ahead, and with the days that each month has.
_VERBATIM_YEAR = "(?:[0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"
_LEAP_YEAR = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_VERBATIM_DATE = (
    f"(?:{_VERBATIM_YEAR}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)"
    f"|(?:0[13578]|1[02])-31)|{_LEAP_YEAR}-02-29)"
)
_ZONE = "Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00"  # as XML Schema has it
TIME = re.compile(rf"({_CLOCK})(?:\.([0-9]+))?")
DATETIME = re.compile(rf"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{_CLOCK})(?:\.([0-9]+))?({_ZONE})?")
QUICK_SHAPE = re.compile(r"0000-00-00T00:00:00(?:\.0{1,6})?(Z|[+-]00:00)?")
NOT_A_DATETIME = "is not a datetime (YYYY-MM-DDThh:mm:ssZ)"
MICROSECONDS = 6  # digits after the second that PostgreSQL keeps
TOO_FINE = f"has more than {MICROSECONDS} digits after the second"


def _takes_hour_24() -> bool:
    try:
        datetime.fromisoformat("2020-01-01T24:00:00")
    except ValueError:
        return False
    return True


TAKES_HOUR_24 = _takes_hour_24()  # as Python may, which then means the next day


class _Moment(ColumnType):
    """What date, time and datetime share: a default format, or a pattern of strptime."""

    is_ordered = True
    verbatim_form: ClassVar[str]

    def __init__(self, field: Field) -> None:
        pattern = field.format.removeprefix("fmt:")  # as version 0 of the standard wrote it
        if pattern == "any":
            raise ValueError(f"format 'any' of type {field.type!r} is not supported: it can be read in several ways")
        self._pattern = None if pattern == "default" else DatePattern(clean(pattern), field.type)

    def value(self, text: str) -> Value:
        return self._patterned(self._pattern.moment(text)) if self._pattern else self._default(text)

    def _default(self, text: str) -> Value:
        raise NotImplementedError

    def _patterned(self, moment: datetime) -> Value:
        raise NotImplementedError

    def quick(self, texts: Sequence[str], joined: str) -> Sequence[str] | None:
        if not joined.isascii():
            return None
        if self._pattern:
            ordered = self._pattern.in_order(joined, joined.translate(ZEROS), len(texts))
            if ordered is None:
                return None
            texts, joined = ordered, "\n".join(ordered)
        try:
            return self._quick(texts, joined)
        except ValueError:
            return None

    def verbatim(self, delimiter: str) -> str | None:  # noqa: ARG002
        return None if self._pattern else self.verbatim_form

    def _quick(self, texts: Sequence[str], joined: str) -> Sequence[str] | None:
        """As `quick`, of texts in the default format; raises ValueError if a text may not be in it."""
        raise NotImplementedError


class Date(_Moment):
    postgresql = "date"
    verbatim_form = _VERBATIM_DATE

    def _default(self, text: str) -> Value:
        try:
            if not DATE.fullmatch(text):
                raise ValueError(text)
            date.fromisoformat(text)
        except ValueError:
            raise BadTextError("is not a date (YYYY-MM-DD)") from None
        return Value(text, text)

    def _patterned(self, moment: datetime) -> Value:
        return self._default(moment.date().isoformat())

    def _quick(self, texts: Sequence[str], joined: str) -> Sequence[str] | None:
        if not shaped(joined.translate(ZEROS), "0000-00-00", len(texts)):
            return None
        list(map(date.fromisoformat, texts))
        return texts

    def keys(self, copied: Sequence[str]) -> Sequence[str]:
        return copied

    def now(self) -> str:
        return date.today().isoformat()


class Time(_Moment):
    postgresql = "time"
    verbatim_form = _CLOCK

    def _default(self, text: str) -> Value:
        found = TIME.fullmatch(text)
        if not found:
            raise BadTextError("is not a time (hh:mm:ss)")
        copied = found[1] + _fraction(found[2])
        return Value(copied, time.fromisoformat(copied))

    def _patterned(self, moment: datetime) -> Value:
        return Value(moment.time().isoformat(), moment.time())

    def _quick(self, texts: Sequence[str], joined: str) -> Sequence[str] | None:
        if not shaped(joined.translate(ZEROS), "00:00:00", len(texts)) or (TAKES_HOUR_24 and max(texts) >= "24"):
            return None
        list(map(time.fromisoformat, texts))
        return texts

    def keys(self, copied: Sequence[str]) -> Sequence[time]:
        return list(map(time.fromisoformat, copied))


class DateTime(_Moment):
    """With a time zone, which is UTC where the text has none; without one if it has a pattern without %z."""

    verbatim_form = rf"{_VERBATIM_DATE}T{_CLOCK}(?:\.[0-9]{{1,6}})?Z"

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self._has_zone = self._pattern is None or self._pattern.has_zone
        self.postgresql = "timestamp with time zone" if self._has_zone else "timestamp"

    def _default(self, text: str) -> Value:
        found = DATETIME.fullmatch(text)
        if not found:
            raise BadTextError(NOT_A_DATETIME)
        copied = found[1] + _fraction(found[2]) + (found[3] or "Z")
        try:
            moment = datetime.fromisoformat(copied)
        except ValueError:
            raise BadTextError(NOT_A_DATETIME) from None
        return Value(copied, _in_utc(moment))

    def _patterned(self, moment: datetime) -> Value:
        if self._has_zone:
            moment = _in_utc(moment)
        return Value(moment.isoformat(), moment)

    def _quick(self, texts: Sequence[str], joined: str) -> Sequence[str] | None:
        shape = texts[0].translate(ZEROS)
        found = QUICK_SHAPE.fullmatch(shape)
        if not found or not shaped(joined.translate(ZEROS), shape, len(texts)) or (TAKES_HOUR_24 and "T24" in joined):
            return None
        zone, width = found[1], len(shape) + 1
        if zone not in (None, "Z"):  # of less than ten hours, and not so early or late that UTC has no year for it
            hour_tens, minute_tens = joined[width - 6 :: width], joined[width - 3 :: width]
            if hour_tens.strip("0") or minute_tens.strip("012345") or not "0002" < min(texts) <= max(texts) < "9999":
                return None
        list(map(datetime.fromisoformat, texts))
        return (joined.replace("\n", "Z\n") + "Z").split("\n") if self._has_zone and not zone else texts

    def keys(self, copied: Sequence[str]) -> Sequence[datetime]:
        return list(map(datetime.fromisoformat, copied))

    def now(self) -> datetime:
        return datetime.now(UTC) if self._has_zone else datetime.now()


class Year(ColumnType):
    postgresql = "integer"
    is_ordered = True

    def value(self, text: str) -> Value:
        if not YEAR.fullmatch(text):
            raise BadTextError("is not a year (YYYY)")
        return Value(text, int(text))

    def quick(self, texts: Sequence[str], joined: str) -> Sequence[str] | None:
        return texts if shaped(joined.translate(ZEROS), "0000", len(texts)) and "0000" not in texts else None

    def verbatim(self, delimiter: str) -> str | None:  # noqa: ARG002
        return _VERBATIM_YEAR

    def keys(self, copied: Sequence[str]) -> Sequence[int]:
        return list(map(int, copied))

    def now(self) -> int:
        return date.today().year


class YearMonth(ColumnType):
    """A text such as 2026-01: PostgreSQL has no type for it, and this one sorts rightly."""

    postgresql = "text"
    is_ordered = True

    def value(self, text: str) -> Value:
        if not YEAR_MONTH.fullmatch(text):
            raise BadTextError("is not a month (YYYY-MM)")
        return Value(text, text)

    def quick(self, texts: Sequence[str], joined: str) -> Sequence[str] | None:  # noqa: ARG002
        return texts if all(map(YEAR_MONTH.fullmatch, texts)) else None

    def keys(self, copied: Sequence[str]) -> Sequence[str]:
        return copied

    def bound_check(self, column: str, operator: str, value: Value) -> str:
        return f'{column} COLLATE "C" {operator} {self.literal(value)}'

    def base_checks(self, column: str) -> list[tuple[str, str]]:
        return [("month", f"{column} ~ '^(?!0000)[0-9]{{4}}-(0[1-9]|1[0-2])$'")]

    def now(self) -> str:
        return date.today().isoformat()[:7]


def _fraction(digits: str | None) -> str:
    """Digits after the second as PostgreSQL keeps them, with the point; raises BadTextError if it keeps fewer."""
    if digits is None:
        return ""
    if digits[MICROSECONDS:].strip("0"):
        raise BadTextError(TOO_FINE)
    return f".{digits[:MICROSECONDS]}"


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise BadTextError("is before year 1 or after year 9999 in UTC") from None
