"""How lines fall into rows, character by character and without the csv module: the reader must agree."""

import re
from collections.abc import Sequence
from typing import NamedTuple

LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


class ModelRow(NamedTuple):
    line: int
    raw: str
    is_well_formed: bool


class RefusedError(Exception):
    """The file cannot be read from this line on."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def model_rows(text: str, delimiter: str, width: int, longest: int, first_line: int = 2) -> list[ModelRow]:
    """The rows below a header of `width` fields; raises RefusedError."""
    lines = LINE.findall(text)
    rows = []
    start = 0
    while start < len(lines):
        extent = _extent(lines[start:], delimiter, width, longest)
        if extent is None:
            raise RefusedError(first_line + start)
        line_count, is_well_formed = extent
        raw = "".join(lines[start : start + line_count])
        if raw.strip(" \t\r\n\v\f") or delimiter in raw:
            rows.append(ModelRow(first_line + start, raw, is_well_formed))
        start += line_count
    return rows


def _extent(lines: Sequence[str], delimiter: str, width: int, longest: int) -> tuple[int, bool] | None:
    """How many of the lines are the first record, and whether it is well formed; None if a quote never closes."""
    state, field_count, size = "start of field", 1, 0
    for line_count, line in enumerate(lines, 1):
        size += len(line)
        if size > longest:
            return None
        for character in line:
            if state == "quoted":
                state = "after a quote" if character == '"' else "quoted"
            elif character in "\r\n":
                break
            elif character == delimiter:
                state, field_count = "start of field", field_count + 1
            elif character == '"' and state != "unquoted":
                state = "quoted"
            elif state == "after a quote":
                return 1, False
            else:
                state = "unquoted"
        if state != "quoted":
            is_well_formed = field_count == width
            return (line_count if is_well_formed else 1), is_well_formed
    return None
