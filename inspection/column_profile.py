"""A summary of a column's values so far, in memory that does not grow with the file."""

import operator
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from inspection.readings import INTEGER, NUMBERS, READINGS, Reading
from pipeline.csv_text.rows import shortened

# Texts that often stand for a missing value.
MISSING = frozenset({"", "NA", "N/A", "n/a", "#N/A", "NULL", "Null", "null", "None", "none", "-", "--", "?"})
MOST_SEEN = 2_000  # values that need no second test
LONGEST_SEEN = 50  # characters


@dataclass(frozen=True)
class Place:
    """A value, and where it stands."""

    text: str  # perhaps shortened
    row: int  # of the column, over all files
    where: str  # such as: line 17 of people-2.csv
    is_doubtful: bool = False  # the text is a value of the type, and perhaps something else

    def __str__(self) -> str:
        return f"{self.text!r} on {self.where}"


class ColumnProfile:
    def __init__(self, most_hashes: int) -> None:
        """`most_hashes` is how many values are remembered to see whether all of them differ."""
        self.row_count = 0
        self.missing: Counter[str] = Counter()
        self.first: Place | None = None
        self.possible: list[Reading] = []  # that hold all values
        self.ended: dict[Reading, Place] = {}  # readings that held the first value, and the one that they do not hold
        self.separators: set[str] = set()  # of numbers: point and comma
        self.seen: set[str] = set()  # some of the values
        self.differing = 0  # the first so many values are known to differ
        self.all_differ = True  # as far as is known
        self._hashes: set[int] = set()
        self._most_hashes = most_hashes
        self._rows_before = 0  # the block of values that is added

    @property
    def value_count(self) -> int:
        return self.row_count - self.missing.total()

    def add(self, texts: Sequence[str], where: Callable[[int], str]) -> None:
        """The next values of the column; `where` tells where the nth of them stands."""
        self._rows_before = self.row_count
        self.row_count += len(texts)
        is_text = self.first is not None and not self.possible
        if is_text and not self.all_differ and MISSING.isdisjoint(map(str.strip, texts)):
            return
        distinct = set(texts)
        fresh = distinct - self.seen
        if any(map(operator.is_not, map(str.strip, fresh), fresh)):  # strip makes a new text of a padded one only
            texts = list(map(str.strip, texts))
            distinct = set(texts)
            fresh = distinct - self.seen
        missing = distinct & MISSING
        for text in missing:
            self.missing[text] += texts.count(text)
        if self.all_differ:
            self._look_for_equal(texts, distinct)
        fresh -= missing
        if fresh and not is_text:
            self._test_readings(texts, fresh, where)

    def _look_for_equal(self, texts: Sequence[str], distinct: set[str]) -> None:
        if len(distinct) < len(texts) or not MISSING.isdisjoint(distinct):
            self.all_differ = False
        elif len(self._hashes) < self._most_hashes:
            before = len(self._hashes)
            self._hashes.update(map(hash, distinct))
            self.all_differ = len(self._hashes) == before + len(distinct)
            self.differing = len(self._hashes)
        if not self.all_differ:
            self._hashes.clear()

    def _test_readings(self, texts: Sequence[str], fresh: set[str], where: Callable[[int], str]) -> None:
        if self.first is None:
            number = next(number for number, text in enumerate(texts) if text in fresh)
            text = texts[number]
            self.first = Place(shortened(text), self._rows_before + number, where(number))
            for reading in READINGS:
                if reading.is_value(text):
                    self._end_or_keep(reading, text, self.first)
        values = list(fresh)
        joined = "\n".join(values)
        self.separators.update(char for char in ",." if char in joined)
        possible: list[Reading] = []
        for reading in self.possible:
            is_implied = INTEGER in possible and reading in NUMBERS
            if is_implied or reading.holds(values, joined):
                possible.append(reading)
            else:
                self._end_reading(reading, texts, fresh, where)
        self.possible = possible
        if possible and len(self.seen) < MOST_SEEN:
            self.seen.update(text for text in values if len(text) <= LONGEST_SEEN)

    def _end_or_keep(self, reading: Reading, text: str, place: Place) -> None:
        if reading.is_doubtful(text):
            self.ended[reading] = replace(place, is_doubtful=True)
        else:
            self.possible.append(reading)

    def _end_reading(
        self, reading: Reading, texts: Sequence[str], fresh: set[str], where: Callable[[int], str]
    ) -> None:
        for number, text in enumerate(texts):
            if text in fresh and (reading.is_doubtful(text) or not reading.is_value(text)):
                row = self._rows_before + number
                self.ended[reading] = Place(shortened(text), row, where(number), reading.is_value(text))
                return
