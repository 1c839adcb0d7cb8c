"""How many rejected rows are too many."""

import re
from dataclasses import dataclass

from pipeline.errors import PipelineError
from pipeline.ledger import LoadProgress


class TooManyRejectsError(PipelineError):
    """Done, but more rows are rejected than the limit allows."""

    exit_code = 3


@dataclass(frozen=True)
class MaxRejects:
    """A number of rows, or a percentage of the rows read."""

    text: str  # such as 100 or 0.5%
    rows: int | None
    percent: float | None

    @classmethod
    def parse(cls, text: str) -> "MaxRejects":
        """Raises ValueError if the text is neither N nor N%."""
        if re.fullmatch(r"\d+", text):
            return cls(text, int(text), None)
        if re.fullmatch(r"\d+(\.\d+)?%", text) and float(text[:-1]) <= 100:
            return cls(text, None, float(text[:-1]))
        raise ValueError(f"'{text}' is neither a number of rows nor a percentage such as 0.5%")

    def check(self, loads: list[LoadProgress]) -> None:
        """Raises TooManyRejectsError if the loads together hold more."""
        rejected = sum(load.rejected for load in loads)
        read = sum(load.row_count for load in loads)
        allowed = self.rows if self.percent is None else read * self.percent / 100
        if rejected > (allowed or 0):
            raise TooManyRejectsError(
                f"{rejected:,} of {read:,} rows are rejected, more than --max-rejects {self.text} allows;"
                " the table rejected_rows lists them, and the reports are as they were"
            )
