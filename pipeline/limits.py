"""Limits given as a number of rows or as a percentage."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class RowLimit:
    """A number of rows, or a percentage of some rows."""

    text: str  # as it was given, such as 100 or 0.5%
    rows: int | None
    percent: float | None

    @classmethod
    def parse(cls, text: str) -> "RowLimit":
        """Raises ValueError if the text is neither N nor N%."""
        if re.fullmatch(r"\d+", text, re.ASCII):
            return cls(text, int(text), None)
        if re.fullmatch(r"\d+(\.\d+)?%", text, re.ASCII) and float(text[:-1]) <= 100:
            return cls(text, None, float(text[:-1]))
        raise ValueError(f"'{text}' is neither a number of rows nor a percentage such as 0.5%")

    def of(self, row_count: int) -> float:
        """How many of so many rows are allowed."""
        return self.rows if self.rows is not None else row_count * (self.percent or 0) / 100

    def __str__(self) -> str:
        return self.text
