"""How the page shows a report: as bars, groups of figures, or its first rows, read from the written file."""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from pathlib import Path

ROWS = 50  # of a report, the first ones
COLUMNS = 12
SERIES = 6  # groups with a colour of their own
LARGEST_JSON = 2 << 20  # bytes; of a larger report the page shows the beginning
HEAD = 1 << 16  # characters of a file that are read for its first rows, or its beginning
BEGINNING = 500  # characters of a JSON report that is neither bars nor groups
NUMBER = re.compile(r"-?(0|[1-9]\d{0,29})(\.\d{1,30})?")  # no code such as 01067

Number = int | Decimal


@dataclass(frozen=True)
class Bars:
    """A number for each name: a JSON object of numbers, or CSV whose last column holds numbers."""

    header: Sequence[str]  # of names and number; empty texts if the report does not say
    rows: Sequence[tuple[Sequence[str], Number]]
    total: int  # rows of the report
    form = "bars"

    @property
    def largest(self) -> Number:
        """What a full bar stands for; 0 without bars, as where a number is negative."""
        numbers = [number for _, number in self.rows]
        return max(numbers) if numbers and min(numbers) >= 0 else 0


@dataclass(frozen=True)
class Group:
    """The numbers of one name."""

    name: str
    sum: Number  # of all groups
    numbers: Mapping[str, Number]  # of those groups that have a column


@dataclass(frozen=True)
class Groups:
    """Numbers by name and group: a JSON object of objects of numbers, none of them negative."""

    columns: Sequence[str]  # the groups with most, largest first
    column_count: int
    rows: Sequence[Group]
    total: int  # rows of the report
    form = "groups"

    @property
    def largest(self) -> Number:
        return max((row.sum for row in self.rows), default=0)

    @property
    def series(self) -> Sequence[str]:
        """What the parts of a bar stand for: the groups with most, then all others together."""
        return [*self.columns[:SERIES], "others"] if self.column_count > SERIES else self.columns

    def parts(self, row: Group) -> list[Number]:
        """The numbers of a row as its bar shows them, one for each of the series."""
        shown = [row.numbers.get(group, 0) for group in self.columns[:SERIES]]
        return [*shown, row.sum - sum(shown)][: len(self.series)]


@dataclass(frozen=True)
class Cells:
    """The first rows and columns of a CSV report."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    total: int
    column_count: int
    form = "cells"

    def is_number(self, column: int) -> bool:
        """Whether the shown values of a column are numbers, or empty."""
        values = [row[column] for row in self.rows if row[column]]
        return bool(values) and all(map(NUMBER.fullmatch, values))


@dataclass(frozen=True)
class Text:
    """The beginning of any other report."""

    text: str
    form = "text"


Figures = Bars | Groups | Cells | Text


def read_figures(path: Path, row_count: int) -> Figures:
    """What is shown of a report's file, of which a bounded part is in memory. `row_count` is that of CSV."""
    return _csv_figures(path, row_count) if path.suffix == ".csv" else _json_figures(path)


def _json_figures(path: Path) -> Figures:
    content = _parse_json(path) if path.stat().st_size <= LARGEST_JSON else None
    if isinstance(content, dict):
        if _are_numbers(content.values()):
            rows = [((name,), number) for name, number in islice(content.items(), ROWS)]
            return Bars(("", ""), rows, len(content))
        if all(isinstance(each, dict) and _are_numbers(each.values(), least=0) for each in content.values()):
            return _group_figures(content)
    with path.open(encoding="utf-8") as file:
        return Text(file.read(BEGINNING))


def _parse_json(path: Path) -> object:
    try:
        return json.loads(path.read_bytes(), parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):  # of NaN, of a number with thousands of digits, of deep nesting
        return None


def _group_figures(content: Mapping[str, Mapping[str, Number]]) -> Groups:
    totals: Counter[str] = Counter()
    for numbers in content.values():
        totals.update(numbers)
    columns = sorted(totals, key=lambda group: -totals[group])[:COLUMNS]
    rows = [
        Group(name, sum(numbers.values()), {group: numbers[group] for group in columns if group in numbers})
        for name, numbers in islice(content.items(), ROWS)
    ]
    return Groups(columns, len(totals), rows, len(content))


def _are_numbers(values: Iterable[object], least: Number = Decimal("-Infinity")) -> bool:
    return all(isinstance(value, int | Decimal) and not isinstance(value, bool) and value >= least for value in values)


def _refuse_constant(constant: str) -> None:
    raise ValueError(constant)


def _csv_figures(path: Path, row_count: int) -> Figures:
    with path.open(encoding="utf-8", newline="") as file:
        head = file.read(HEAD)
    lines = list(csv.reader(io.StringIO(head, newline="")))
    if len(head) == HEAD:
        lines.pop()  # cut off
    header, *rows = lines or [[]]
    rows = rows[:ROWS]
    if len(header) in range(2, COLUMNS + 1) and rows and all(NUMBER.fullmatch(row[-1]) for row in rows):
        return Bars(header, [(row[:-1], Decimal(row[-1])) for row in rows], row_count)
    return Cells(header[:COLUMNS], [row[:COLUMNS] for row in rows], row_count, len(header))
