"""Positions of a dataset's fields in the header of a file."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from pipeline.descriptions.description import Dataset
from pipeline.errors import InputError

COLUMNS_SHOWN = 20  # of a header, in a message
LET_IT_HAVE_MORE = 'describe the column, or write "fieldsMatch": "subset" into the schema'
CHANGE_MATCH = 'correct the file, or write "fieldsMatch": "%s" into the schema'


def field_positions(dataset: Dataset, header: Sequence[str], place: str) -> tuple[int | None, ...]:
    """For each field its position in the header, from 0; None for one that the file may lack, whose column is NULL.

    Names are compared in any case. Without a header in the dialect, `header` is the first row. Raises InputError,
    naming `place` (such as people.csv line 1), the column and the remedy, if the two do not match as the
    description's fieldsMatch says: https://datapackage.org/standard/table-schema/#fieldsMatch
    """
    if not dataset.dialect.header:
        if len(header) != len(dataset.fields):
            raise InputError(
                f"{place}: the row has {_counted(len(header), 'column')}, and {dataset.name} has"
                f" {_counted(len(dataset.fields), 'field')}: {_listed(field.name for field in dataset.fields)}"
            )
        return tuple(range(len(header)))
    names = [comparable_name(name) for name in header]
    wanted = [comparable_name(field.name) for field in dataset.fields]
    _check_presence(dataset, names, header, place)
    if dataset.fields_match in ("exact", "equal", "superset"):
        known = set(wanted)
        for name, shown in zip(names, header, strict=True):
            if name not in known:
                remedy = "" if dataset.fields_match == "superset" else f"; {LET_IT_HAVE_MORE}"
                raise _mismatch(dataset, header, place, f"column '{shown}' is one too many in the header", remedy)
    if dataset.fields_match == "exact" and names != wanted:
        position = next(i for i, (name, other) in enumerate(zip(names, wanted, strict=True)) if name != other)
        found, expected = header[position], dataset.fields[position].name
        fault = f"column '{found}' stands where '{expected}' is expected in the header"
        raise _mismatch(dataset, header, place, fault, f"; {CHANGE_MATCH % 'equal'}")
    positions = {name: position for position, name in enumerate(names)}
    return tuple(positions.get(name) for name in wanted)


def _check_presence(dataset: Dataset, names: list[str], header: Sequence[str], place: str) -> None:
    """Raises InputError if a field is doubled, or missing although it must be there."""
    may_lack = dataset.fields_match in ("superset", "partial")
    counts = Counter(names)
    for field in dataset.fields:
        times = counts[comparable_name(field.name)]
        if times > 1:
            raise _mismatch(dataset, header, place, f"column '{field.name}' stands twice in the header")
        if times == 0 and (field.constraints.required or not may_lack):
            match = _match_that_allows(dataset, names)
            remedy = f"; {CHANGE_MATCH % match}" if match else ""
            raise _mismatch(dataset, header, place, f"column '{field.name}' is missing from the header", remedy)
    if not any(comparable_name(field.name) in counts for field in dataset.fields):
        raise _mismatch(dataset, header, place, f"no field of {dataset.name} is in the header")


def _match_that_allows(dataset: Dataset, names: list[str]) -> str | None:
    """The fieldsMatch by which a header that lacks fields would be right; None if there is none."""
    required = {comparable_name(field.name) for field in dataset.fields if field.constraints.required}
    known = {comparable_name(field.name) for field in dataset.fields}
    if not required <= set(names) or known.isdisjoint(names):
        return None
    return "superset" if known.issuperset(names) and dataset.fields_match != "subset" else "partial"


def _mismatch(dataset: Dataset, header: Sequence[str], place: str, fault: str, remedy: str = "") -> InputError:
    needed = {
        "exact": f"needs exactly {_listed(field.name for field in dataset.fields)}, in this order",
        "equal": f"needs exactly {_listed(field.name for field in dataset.fields)}, in any order",
        "subset": f"needs {_listed(field.name for field in dataset.fields)}",
        "superset": f"may only have {_listed(field.name for field in dataset.fields)}",
        "partial": f"needs some of {_listed(field.name for field in dataset.fields)}",
    }[dataset.fields_match]
    return InputError(
        f"{place}: {fault}, which has {_listed(map(repr, header))}; a file of {dataset.name} {needed}{remedy}"
    )


def comparable_name(name: str) -> str:
    return unicodedata.normalize("NFC", name.strip()).lower()


def _listed(names: Iterable[str]) -> str:
    shown = list(names)
    return ", ".join(shown[:COLUMNS_SHOWN]) + (", ..." if len(shown) > COLUMNS_SHOWN else "")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
