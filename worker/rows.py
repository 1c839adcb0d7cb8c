"""Rows out of the text of a chunk. Pure: text in, rows out."""

import csv
import io
from collections.abc import Iterator, Sequence

from pipeline.database import is_storable
from pipeline.datasets.dataset import Fault, SourceRow
from pipeline.records import BLANK


def read_rows(
    text: str, header: Sequence[str], delimiter: str, columns: Sequence[str], first_row: int, first_line: int
) -> Iterator[SourceRow]:
    """The rows of a chunk, numbered; `fields` holds `columns`, wherever the header has them.

    Bytes that are not UTF-8 stand in `text` as lone surrogates (PEP 383). Blank lines do not count.
    """
    lines = list(io.StringIO(text, newline=""))  # splits as csv does, and keeps line ends
    reader = csv.reader(lines, delimiter=delimiter)
    positions = [header.index(column) for column in columns]
    storable = is_storable(text)
    row_number = first_row
    start = 0
    for all_fields in reader:
        end = reader.line_num
        raw = "".join(lines[start:end])
        line, start = first_line + start, end
        if not raw.strip(BLANK) and delimiter not in raw:
            continue
        faults = []
        fields: tuple[str, ...] = ()
        if len(all_fields) == len(header):
            fields = tuple(all_fields[position] for position in positions)
            if not storable:
                faults = [fault for pair in zip(columns, fields, strict=True) if (fault := storing_fault(*pair))]
        else:
            faults.append(Fault("row", f"has not {len(header)} fields, as the header has"))
        if '"' in raw and not is_well_quoted(raw, delimiter):
            faults.append(Fault("row", "has text after a closing quote"))
        yield SourceRow(row_number, line, fields, shown(raw.rstrip("\r\n")), tuple(faults))
        row_number += 1


def is_well_quoted(raw: str, delimiter: str) -> bool:
    try:
        next(csv.reader(io.StringIO(raw, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        return False
    return True


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
