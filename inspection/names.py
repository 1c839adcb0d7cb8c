"""Names of resources, tables and columns in a first description."""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePosixPath

from pipeline.descriptions.document import LONGEST_NAME as LONGEST_IN_DOCUMENT
from pipeline.descriptions.header import comparable_name
from pipeline.descriptions.naming import LONGEST_NAME, column_fault, snake_case, table_fault

EXTENSION = re.compile(r"\.(csv|tsv|tab|txt|psv|dsv)$", re.IGNORECASE)
TABLES_OF_PROJECT = frozenset({"places"})  # in every database; only its own description can have them
COUNTER = re.compile(r"[\W_]*\d[\d\W_]*$")  # ends the names of files of a kind, such as people-2 or sales 2026-01


def stem(source: str) -> str:
    """The name of a source without folder and extension."""
    return EXTENSION.sub("", PurePosixPath(source).name)


def shared_stem(source: str) -> str:
    """What the names of files of a kind have in common; the whole stem if that is only a number."""
    return COUNTER.sub("", stem(source)) or stem(source)


def shared_pattern(sources: Sequence[str]) -> str | None:
    """The path that files of a kind share, such as sales-*.csv; None if they are in several folders or unlike."""
    pattern = re.compile(rf"{re.escape(shared_stem(sources[0]))}[\W_]*")
    paths = {
        str(path.with_name(f"{found[0]}*{path.suffix}"))
        for path in map(PurePosixPath, sources)
        if (found := pattern.match(path.name))
    }
    return paths.pop() if len(paths) == 1 else None


def resource_name(wanted: str, taken: Iterable[str]) -> str:
    """The name in lower case, with - between words, and with a number if it is taken."""
    return _free(snake_case(wanted).replace("_", "-") or "table", set(taken), "-")


def table_name(resource: str, taken: Iterable[str]) -> str:
    """The table of a resource: its own name in snake_case, where a table may have that name."""

    def fault(table: str) -> str | None:
        return "is a table of the project's own" if table in TABLES_OF_PROJECT else table_fault(table)

    return _allowed(snake_case(resource), "table", fault, set(taken))


def column_names(names: Sequence[str]) -> list[str]:
    """The column of each field: its own name in snake_case, where a column may have that name."""
    columns: list[str] = []
    for position, name in enumerate(names, 1):
        columns.append(_allowed(snake_case(name) or str(position), "column", column_fault, set(columns)))
    return columns


def undescribable(names: Sequence[str]) -> dict[int, str]:
    """The columns of a header that no field can name, by position from 0, each with the reason."""
    keys = [comparable_name(name) for name in names]
    faults = {}
    for position, (name, key) in enumerate(zip(names, keys, strict=True)):
        if not key:
            faults[position] = "it has no name"
        elif len(name) > LONGEST_IN_DOCUMENT:
            faults[position] = f"its name is longer than {LONGEST_IN_DOCUMENT} characters"
        elif keys.count(key) > 1:
            faults[position] = "its name stands in the header twice"
    return faults


def _allowed(name: str, prefix: str, fault: Callable[[str], str | None], taken: set[str]) -> str:
    """The name, changed as little as it takes."""
    name = _cut(name)
    if fault(name):
        name = _cut(f"{prefix}_{name}")
    return _free(name, taken, "_")


def _free(name: str, taken: set[str], sign: str) -> str:
    number, free = 2, name
    while free in taken:
        ending = f"{sign}{number}"
        free, number = _cut(name, len(ending)) + ending, number + 1
    return free


def _cut(name: str, less: int = 0) -> str:
    return name.encode()[: LONGEST_NAME - less].decode(errors="ignore").rstrip("_")
