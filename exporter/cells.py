"""CSV whose text a spreadsheet shows as text, and does not compute.

https://owasp.org/www-community/attacks/CSV_Injection
"""

import csv
import re
from collections.abc import Iterable
from typing import IO

FORMULA = "=+-@＝＋－＠"  # what a formula begins with
BEGINNINGS = (*FORMULA, "\t", "\r", "\n")  # of a cell; white space, because some programs skip it
# Programs that take a semicolon or a tab for a separator (LibreOffice as installed, Excel in many countries) see a
# cell begin after it; those that then do not see our quotes take a line end for the end of the row.
AFTER_SEPARATOR = re.compile(rf'[;\t\r\n]"*(?=[{re.escape(FORMULA)}])')


def write_csv(file: IO[str], rows: Iterable[Iterable[object]]) -> None:
    """Writes rows, each with a newline. Text gets an apostrophe where a formula would begin, other values do not."""
    writer = csv.writer(_Lines(file), lineterminator="\r\n")
    writer.writerows([_cell(value) for value in row] for row in rows)


class _Lines:
    """Ends lines with a newline alone; the csv module, before Python 3.13, quotes a \\r only if lines end in one."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, line: str) -> int:
        return self._file.write(line.removesuffix("\r\n") + "\n")


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = AFTER_SEPARATOR.sub(r"\g<0>'", value)
    return f"'{text}" if text.startswith(BEGINNINGS) else text
