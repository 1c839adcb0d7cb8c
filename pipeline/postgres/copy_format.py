"""PostgreSQL's text format, in which COPY takes and gives rows: https://www.postgresql.org/docs/current/sql-copy.html"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pipeline.postgres.quoting import quote_literal

COPY_NULL = r"\N"
COPY_ESCAPE = re.compile(r"\\(.)")
COPY_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


@dataclass(frozen=True)
class CsvLines:
    """Rows as they stand in a CSV file, without line ends."""

    lines: Sequence[bytes]
    delimiter: str

    def __len__(self) -> int:
        return len(self.lines)


def copy_content(lines: Iterable[str] | CsvLines, constants: Sequence[str]) -> tuple[bytes, str]:
    """What COPY reads, with `constants` at the end of each row, and its options."""
    if isinstance(lines, CsvLines):
        line_end = "".join(f"{lines.delimiter}{constant}" for constant in constants) + "\n"
        options = f" (FORMAT csv, DELIMITER {quote_literal(lines.delimiter)})"
        return line_end.encode().join((*lines.lines, b"")), options
    line_end = "".join(f"\t{constant}" for constant in constants) + "\n"
    return line_end.join((*lines, "")).encode(), ""


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
