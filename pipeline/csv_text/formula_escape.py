"""CSV whose text a spreadsheet shows as text, and does not compute.

https://owasp.org/www-community/attacks/CSV_Injection
"""

import csv
import re
from collections.abc import Callable, Sequence
from typing import IO

from pipeline.postgres.transaction import Column

FORMULA = "=+-@＝＋－＠"  # what a formula begins with
BEGINNINGS = (*FORMULA, "\t", "\r", "\n")  # of a cell; white space, because some programs skip it
# Programs that take a semicolon or a tab for a separator (LibreOffice as installed, Excel in many countries) see a
# cell begin after it; those that then do not see our quotes take a line end for the end of the row.
AFTER_SEPARATOR = re.compile(rf'[;\t\r\n]"*(?=[{re.escape(FORMULA)}])')


def csv_rows(file: IO[str], columns: Sequence[Column]) -> Callable[[list[str | None]], None]:
    """Writes the header; returns what writes a row. Each line ends with a newline.

    Text gets an apostrophe where a formula would begin, values of columns that hold no free text do not.
    """
    writer = csv.writer(_Lines(file), lineterminator="\r\n")
    writer.writerow([_without_formula(column.name) for column in columns])
    are_text = [column.is_text for column in columns]

    def write(row: list[str | None]) -> None:
        cells = zip(row, are_text, strict=True)
        writer.writerow([_without_formula(value) if value and is_text else value for value, is_text in cells])

    return write


class _Lines:
    """Ends lines with a newline alone; the csv module, before Python 3.13, quotes a \\r only if lines end in one."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, line: str) -> int:
        return self._file.write(line.removesuffix("\r\n") + "\n")


def _without_formula(value: str) -> str:
    text = AFTER_SEPARATOR.sub(r"\g<0>'", value)
    return f"'{text}" if text.startswith(BEGINNINGS) else text
