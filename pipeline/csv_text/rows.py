"""Rows out of the bytes of a chunk. Pure: bytes in, rows out."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from pipeline.csv_text.dialect import Dialect
from pipeline.csv_text.records import escapes_line_end, line_reader, records, row_test
from pipeline.postgres.quoting import is_storable

LONGEST_SHOWN = 60  # characters of a value that a message quotes
BLOCK_LINES = 500  # taken at once: their fields stay in the processor's cache, which halves what reading them costs


@dataclass(frozen=True)
class Fault:
    """A rule that a row breaks."""

    column: str  # or "row", if it is about the whole row
    rule: str
    value: str | None = None  # what stands in the column, if it helps
    detail: str = ""  # that each fault of a kind has its own of, such as: , row 3

    def __str__(self) -> str:
        """Such as: date_of_birth '1990-13-02' is not a date (YYYY-MM-DD)."""
        if self.value is None:
            return f"{self.column} {self.rule}{self.detail}"
        return f"{self.column} {shortened(self.value)!r} {self.rule}{self.detail}"

    @property
    def kind(self) -> str:
        """What this fault has in common with others of its kind."""
        return f"{self.column} {self.rule}"


@dataclass(frozen=True)
class SourceRow:
    """A row as it stands in the file, and what is wrong with its form."""

    row_number: int  # from 1, header not counted
    line: int  # on which it begins, the header begins on 1
    fields: tuple[str, ...]  # the dataset's columns, in its order; empty if the row has too many or too few
    raw: str  # physical text, without the last line end
    faults: tuple[Fault, ...] = ()


class SourceRows:
    """The rows of a chunk, numbered; their fields are `columns`, each at its position among the `width` of the file.

    A column without a position is one that the file does not have: its texts are empty. `dialect` is a resolved one.
    `content` holds the bytes of the chunk, as they were read. Blank lines and comments do not count.
    Iterating gives the rows one by one; `blocks`, many times as fast, hundreds at once where each line is a row.
    """

    def __init__(
        self,
        content: bytes,
        dialect: Dialect,
        width: int,
        columns: Sequence[str],
        positions: Sequence[int | None],
        first_row: int,
        first_line: int,
    ) -> None:
        self.content = content
        self._dialect = dialect
        self._width = width
        self._columns = columns
        self._positions = positions
        self._line_fields = line_reader(dialect)
        self._is_row = row_test(dialect)
        self.first_row = first_row
        self._first_line = first_line

    @cached_property
    def _decoded(self) -> tuple[list[str], bool]:
        """The lines, and whether PostgreSQL can store them. Bytes that are not UTF-8 are lone surrogates (PEP 383)."""
        text = self.content.decode("utf-8", "surrogateescape")
        return list(io.StringIO(text, newline="")), is_storable(text)  # splits as csv does, and keeps line ends

    @property
    def _lines(self) -> list[str]:
        return self._decoded[0]

    def __iter__(self) -> Iterator[SourceRow]:
        return self._read(self._lines, self.first_row, self._first_line)

    def blocks(self) -> "Iterator[tuple[SourceRows, list[tuple[str, ...]] | None]]":
        """All rows in order, some at a time, each time with their `columns`; the last ones may have none."""
        lines = self.content.splitlines(keepends=True)
        for start in range(0, len(lines), BLOCK_LINES):
            block = self._part(lines[start : start + BLOCK_LINES], start)
            columns = block.columns()
            if columns is None:
                yield self._part(lines[start:], start), None
                return
            yield block, columns

    def columns(self) -> list[tuple[str, ...]] | None:
        """Each column as it stands in the file, if the nth line is the nth row; None if that is not so.

        Where the form of a row is wrong, its fields are empty; `row` says what is wrong with it.
        """
        rows = self._rows_as_lines()
        if not rows or not self._decoded[1]:
            return None
        if self._width == 1 or set(map(len, rows)) != {self._width}:  # a blank line has one field, or none
            if not all(map(self._is_row, self._lines)):
                return None
            empty = [""] * self._width
            rows = [row if len(row) == self._width else empty for row in rows]
        columns = list(zip(*rows, strict=True))
        missing = ("",) * len(rows)
        return [missing if position is None else columns[position] for position in self._positions]

    def row(self, number: int) -> SourceRow:
        """The row of the nth line, from 0; only where `columns` has them."""
        return next(self._read(self._lines[number : number + 1], self.first_row + number, self._first_line + number))

    def _part(self, lines: list[bytes], start: int) -> "SourceRows":
        """These lines, which follow `start` others, if each of those is a row."""
        return SourceRows(
            b"".join(lines),
            self._dialect,
            self._width,
            self._columns,
            self._positions,
            self.first_row + start,
            self._first_line + start,
        )

    def _rows_as_lines(self) -> list[list[str]] | None:
        """The fields of each line, if it is a record, well quoted, and no comment; None if one is not."""
        dialect = self._dialect
        if (comment := dialect.comment_char) and any(line.startswith(comment) for line in self._lines):
            return None
        if (escape := dialect.escape_char) and any(escapes_line_end(line, escape) for line in self._lines):
            return None
        try:
            rows = list(csv.reader(self._lines, strict=True, **dialect.csv_parameters))
            if not dialect.double_quote:
                doubled = replace(dialect, double_quote=True)
                if rows != list(csv.reader(self._lines, strict=True, **doubled.csv_parameters)):
                    return None
        except csv.Error:
            return None
        return rows if len(rows) == len(self._lines) else None

    def _read(self, lines: list[str], row_number: int, first_line: int) -> Iterator[SourceRow]:
        encoded = (line.encode("utf-8", "surrogateescape") for line in lines)
        start = 0
        for _, line_count in records(encoded, self._dialect, self._width, are_planned=True):
            line, end = first_line + start, start + line_count
            record, start = lines[start:end], end
            raw = "".join(record)
            if not self._is_row(raw):
                continue
            all_fields, faults = self._form(record)
            fields: tuple[str, ...] = ()
            if len(all_fields) == self._width:
                fields = tuple("" if position is None else all_fields[position] for position in self._positions)
                if not self._decoded[1]:
                    pairs = zip(self._columns, fields, strict=True)
                    faults += [fault for pair in pairs if (fault := storing_fault(*pair))]
            yield SourceRow(row_number, line, fields, shown(raw.rstrip("\r\n")), tuple(faults))
            row_number += 1

    def _form(self, record: list[str]) -> tuple[list[str], list[Fault]]:
        """All fields of a record, and what is wrong with its form; no fields if a quote is open at its end."""
        faults = []
        fields: list[str] | None
        if len(record) > 1:
            fields = next(csv.reader(record, **self._dialect.csv_parameters))
        else:
            fields, is_open = self._line_fields(record[0])
            if is_open:
                return [], [Fault("row", "has an open quote that the next lines do not close properly")]
            if fields is None:
                faults.append(self._form_fault(record[0]))
                fields = next(csv.reader(record, **self._dialect.csv_parameters))
        if len(fields) != self._width:
            count = f"{len(fields)} field" if len(fields) == 1 else f"{len(fields)} fields"
            faults.insert(0, Fault("row", f"has {count}, expected {self._width}"))
        return fields, faults

    def _form_fault(self, line: str) -> Fault:
        escape = self._dialect.escape_char
        if escape is not None and escapes_line_end(line, escape):
            return Fault("row", "has an escape character at the end of its line")
        return Fault("row", "has text after a closing quote")


def bytes_of_text(text: str) -> bytes:
    """The bytes of a chunk; none if the text has surrogates that stand for no byte, which the producer never sends."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return b""


def shortened(value: str) -> str:
    """As much of a value as a message quotes."""
    return value if len(value) <= LONGEST_SHOWN else value[:LONGEST_SHOWN] + "…"


def storing_fault(column: str, text: str) -> Fault | None:
    if is_storable(text):
        return None
    if "\0" in text:
        return Fault(column, "holds a NUL character")
    return Fault(column, "holds bytes that are not UTF-8")


def shown(raw: str) -> str:
    """The raw text, with what PostgreSQL cannot store written as \\x and two digits."""
    if not is_storable(raw):
        raw = raw.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").replace("\0", "\\x00")
    return raw
