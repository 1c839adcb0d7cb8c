"""Numbers and lists in messages."""

from collections.abc import Sequence

NAMED_AT_MOST = 10  # loads or files that a list names


def counted(number: int, noun: str) -> str:
    """A number with its noun: `1 chunk`, `8 chunks`, `1,000 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """The first few of many names."""
    more = f"; and {len(names) - NAMED_AT_MOST:,} more" if len(names) > NAMED_AT_MOST else ""
    return "; ".join(names[:NAMED_AT_MOST]) + more
