"""What can be told of a row by itself: the rules of its fields, and the keys that it holds or names."""

from collections.abc import Sequence

from pipeline.columns.column import NULL, Column
from pipeline.csv_text.rows import Fault, SourceRow
from pipeline.descriptions.description import Reference

Key = str | tuple[str, ...]  # as COPY takes the fields of a key: of one field its text, of several a tuple


class RowChecker:
    """Checks rows of one dataset by the rules of its fields. Belongs to one worker, one preview or one check."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns

    def converted(self, texts: Sequence[Sequence[str]]) -> list[Sequence[str | None]]:
        """The columns of a block as COPY takes them; None where a text may break a rule, or a row its form."""
        found = [column.converted(each) for column, each in zip(self._columns, texts, strict=True)]
        if textless := textless_rows(texts):
            first = list(found[0])
            for number in textless:
                first[number] = None
            found[0] = first
        return found

    def checked(self, row: SourceRow) -> tuple[list[str | None], list[Fault]]:
        """The fields as COPY takes them (None: a bad one), and all faults; no fields if the row has not its form."""
        faults = list(row.faults)
        if not row.fields:
            return [], faults
        texts: list[str | None] = []
        for column, field in zip(self._columns, row.fields, strict=True):
            text, found = column.check(field)
            texts.append(None if found else text)
            faults += [fault for fault in found if fault not in row.faults]  # the reader has told what cannot be stored
        return texts, faults


def textless_rows(texts: Sequence[Sequence[str]]) -> list[int]:
    """The rows of a block that have no text, by their positions: as `SourceRows.columns` has those of a wrong form."""
    if not all("" in each for each in texts):
        return []
    return [number for number, row in enumerate(zip(*texts, strict=True)) if not any(row)]


def keys_in(columns: Sequence[Sequence[str | None]], positions: Sequence[int]) -> Sequence[Key | None]:
    """The key of each row of a block, of the fields at these positions; None where a field may be bad.

    `columns` are all of the block. A key of which one field is NULL is NULL, as PostgreSQL has it.
    """
    if len(positions) == 1:
        return columns[positions[0]]
    rows = zip(*(columns[position] for position in positions), strict=True)
    return [None if None in row else NULL if NULL in row else row for row in rows]


def unknown_reference(reference: Reference) -> str:
    """The fault of fields that name a row which there is not."""
    return f"is not in {reference.dataset}"


def unknown_key(reference: Reference, positions: Sequence[int], row: SourceRow) -> Fault:
    """The fault of a row that names a key which no row has."""
    values = ", ".join(row.fields[position].strip() for position in positions)
    return Fault(", ".join(reference.fields), unknown_reference(reference), values)
