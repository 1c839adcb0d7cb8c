"""Durations: ISO 8601 as XML Schema has it, and weeks."""

import re

from pipeline.columns.types.column_type import BadTextError, ColumnType, Value

DURATION = re.compile(
    r"(-)?P(?=[0-9T])(?:([0-9]+)Y)?(?:([0-9]+)M)?(?:([0-9]+)W)?(?:([0-9]+)D)?"
    r"(?:T(?=[0-9])(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+)(?:\.([0-9]+))?S)?)?"
)
MICROSECONDS = 6  # digits after the second that PostgreSQL keeps
LARGEST = 2**31 - 1  # months, days and hours that every version of PostgreSQL reads
MOST_DIGITS = 18  # of each part; more are out of range anyway
DAYS_OF_MONTH = 30  # as PostgreSQL compares intervals
MICROSECONDS_OF_DAY = 86_400_000_000
OUT_OF_RANGE = "is outside the range of interval"


class Duration(ColumnType):
    """An interval, compared as PostgreSQL does: a month has 30 days, a day 24 hours."""

    postgresql = "interval"
    is_ordered = True
    is_quick = False

    def value(self, text: str) -> Value:
        found = DURATION.fullmatch(text)
        if not found:
            raise BadTextError("is not a duration (such as P1Y2M3DT4H5M6S)")
        minus, *numbers, fraction = found.groups(default="")
        if max(map(len, numbers)) > MOST_DIGITS:
            raise BadTextError(OUT_OF_RANGE)
        if fraction[MICROSECONDS:].strip("0"):
            raise BadTextError(f"has more than {MICROSECONDS} digits after the second")
        years, months, weeks, days, hours, minutes, seconds = (int(number or 0) for number in numbers)
        months += 12 * years
        days += 7 * weeks
        minutes, seconds = divmod(60 * (60 * hours + minutes) + seconds, 60)
        hours, minutes = divmod(minutes, 60)
        if max(months, days, hours) > LARGEST:
            raise BadTextError(OUT_OF_RANGE)
        micros = int(fraction[:MICROSECONDS].ljust(MICROSECONDS, "0"))
        sign = minus or "+"
        copied = f"{sign}{months} mons {sign}{days} days {sign}{hours:02}:{minutes:02}:{seconds:02}.{micros:06}"
        length = (DAYS_OF_MONTH * months + days) * MICROSECONDS_OF_DAY
        length += (3600 * hours + 60 * minutes + seconds) * 1_000_000 + micros
        return Value(copied, -length if minus else length)
