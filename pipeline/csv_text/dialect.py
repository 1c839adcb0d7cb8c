"""How CSV files are written (https://datapackage.org/standard/table-dialect), and how the csv module is told."""

import csv
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Dialect:
    """How the files are written. A delimiter of None is found out from each file's header or its line `sep=;`.

    Each character is an ASCII character, other than a line end, and has one meaning. The dialect of a load is resolved:
    its delimiter is known.
    """

    delimiter: str | None = None
    quote_char: str | None = '"'
    escape_char: str | None = None
    double_quote: bool = True
    skip_initial_space: bool = False
    header: bool = True
    comment_char: str | None = None

    @property
    def csv_parameters(self) -> dict[str, Any]:
        """For csv.reader; only of a resolved dialect."""
        return {
            "delimiter": self.delimiter,
            "quotechar": self.quote_char,
            "quoting": csv.QUOTE_NONE if self.quote_char is None else csv.QUOTE_MINIMAL,
            "escapechar": self.escape_char,
            "doublequote": self.double_quote,
            "skipinitialspace": self.skip_initial_space,
        }
