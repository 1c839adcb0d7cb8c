"""Rows out of the text of a chunk. Pure: text in, rows out."""

import csv
import io
from collections.abc import Iterator, Sequence

from pipeline.datasets.dataset import SourceRow

BLANK = " \t\r\n\v\f"  # a line of these alone is blank, for the first pass over the file as well


def read_rows(
    text: str, header: Sequence[str], columns: Sequence[str], first_row: int, first_line: int
) -> Iterator[SourceRow]:
    """The rows of a chunk, numbered; `fields` holds `columns`, wherever the header has them.

    Blank lines do not count. A row with more or fewer fields than the header has empty `fields`.
    """
    lines = list(io.StringIO(text, newline=""))  # splits as csv does, and keeps line ends
    reader = csv.reader(lines)
    positions = [header.index(column) for column in columns]
    row_number = first_row
    start = 0
    for fields in reader:
        end = reader.line_num
        raw = "".join(lines[start:end])
        line, start = first_line + start, end
        if not raw.strip(BLANK):
            continue
        picked = tuple(fields[position] for position in positions) if len(fields) == len(header) else ()
        yield SourceRow(row_number, line, picked, raw.rstrip("\r\n"))
        row_number += 1
