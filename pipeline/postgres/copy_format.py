"""PostgreSQL's text format, in which COPY takes and gives rows: https://www.postgresql.org/docs/current/sql-copy.html"""

import re
from collections.abc import Callable

COPY_NULL = r"\N"
COPY_ESCAPE = re.compile(r"\\(.)")
COPY_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def copy_field(text: str) -> str:
    """Text, escaped."""
    if "\\" in text or "\t" in text or "\n" in text or "\r" in text:
        text = text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    return text


def copy_field_text(text: str) -> str:
    """The text that `copy_field` escaped."""
    parts = text.split("\\\\")
    return "\\".join(part.replace("\\t", "\t").replace("\\n", "\n").replace("\\r", "\r") for part in parts)


class CopiedRows:
    """The file into which psycopg2 writes what COPY sends: one line for each row, in PostgreSQL's text format."""

    def __init__(self, take: Callable[[list[str | None]], object]) -> None:
        self._take = take

    def write(self, line: bytes) -> None:
        self._take([_copied_value(field) for field in line.decode()[:-1].split("\t")])


def _copied_value(field: str) -> str | None:
    if field == COPY_NULL:
        return None
    return COPY_ESCAPE.sub(lambda found: COPY_ESCAPED.get(found[1], found[1]), field) if "\\" in field else field
