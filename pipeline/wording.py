"""Numbers and lists in messages."""

from collections.abc import Sequence

NAMED_AT_MOST = 10  # loads or files that a list names


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun: `1 chunk`, `8 chunks`, `1,000 rows`, `2 retries`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def speed(rows_per_second: float) -> str:
    """Such as `1 row/s` or `80,000 rows/s`."""
    return f"{counted(round(rows_per_second), 'row')}/s"


def listed(names: Sequence[str]) -> str:
    """The first few of many names."""
    more = f"; and {len(names) - NAMED_AT_MOST:,} more" if len(names) > NAMED_AT_MOST else ""
    return "; ".join(names[:NAMED_AT_MOST]) + more


def first_files(faults: Sequence[str]) -> list[str]:
    """The first few of many files' faults, and how many more files there are."""
    more = len(faults) - NAMED_AT_MOST
    return [*faults[:NAMED_AT_MOST], *([f"and {counted(more, 'more file')}"] if more > 0 else [])]


def duration(seconds: float) -> str:
    """Such as `0.4 s`, `12 s`, `3 min 5 s` or `2 h 10 min`."""
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def size(number: int) -> str:
    """Bytes, such as `512 B`, `1.4 MiB` or `3.0 GiB`."""
    units = ["B", "KiB", "MiB", "GiB", "TiB"]
    amount = float(number)
    while amount >= 1024 and len(units) > 1:
        amount /= 1024
        units.pop(0)
    return f"{amount:.0f} B" if units[0] == "B" else f"{amount:.1f} {units[0]}"
