"""Which dataset a file belongs to, by its name within the data folder."""

import re
from functools import cache

from pipeline.descriptions.description import Dataset, Package
from pipeline.errors import InputError

LONGEST_PATH = 1_000  # characters
PATHS_SHOWN = 20  # in a message
COMPRESSED = re.compile(r"\.(gz|bz2|xz|zst|zip)$", re.IGNORECASE)
ANYWHERE = "**"  # a part of a path that stands for any folders, or none


def dataset_of(package: Package, name: str) -> Dataset | None:
    """The dataset that a file of this name (within the data folder) holds; case and compression make no difference.

    Raises InputError if several datasets name the file.
    """
    found = [dataset for dataset in package.datasets if holds(dataset, name)]
    if len(found) > 1:
        both = " and ".join(f"'{dataset.name}'" for dataset in found[:2])
        raise InputError(f"{name}: the paths of {both} both name this file; correct one of them in datapackage.json")
    return found[0] if found else None


def holds(dataset: Dataset, name: str) -> bool:
    return any(_pattern(path).fullmatch(without_compression(name)) for path in dataset.paths)


def expected_names(package: Package) -> str:
    """Such as: places.csv, places-*.csv, people.csv (or compressed)."""
    paths = [path for dataset in package.datasets for path in dataset.paths]
    return ", ".join(paths[:PATHS_SHOWN]) + (", ..." if len(paths) > PATHS_SHOWN else "") + " (or compressed)"


def without_compression(name: str) -> str:
    """The name of a file without the suffix that tells how it is compressed: people.csv of people.csv.zst."""
    return COMPRESSED.sub("", name)


def path_fault(path: str) -> tuple[str, str] | None:
    """Why a description cannot name files by this path, and the remedy; None if it can."""
    if re.match(r"[a-z][a-z0-9+.-]*:", path, re.IGNORECASE):
        return (
            "is not a path within the data folder",
            "fetch the file into the folder, and name it as it is called there",
        )
    if "\\" in path:
        return "has a backslash", "write / between folders"
    if len(path) > LONGEST_PATH:
        return f"is longer than {LONGEST_PATH} characters", "shorten it"
    parts = path.split("/")
    if path.startswith(("/", "~")) or ".." in parts:
        return "leads out of the data folder", "move the file into the folder, and name it as it is called there"
    if any(part.startswith(".") for part in parts):
        return "is hidden, and hidden files are not loaded", "rename the file"
    if "" in parts:
        return "has an empty part", "name a file"
    if any(ANYWHERE in part and part != ANYWHERE for part in parts) or parts.count(ANYWHERE) > 1:
        return "may have ** once, alone between two /", "write it as in people/**/*.csv"
    return None


@cache
def _pattern(path: str) -> re.Pattern[str]:
    *folders, last = path.split("/")
    before = "".join(r"(?:[^/]+/)*" if part == ANYWHERE else _part_pattern(part) + "/" for part in folders)
    return re.compile(before + (".+" if last == ANYWHERE else _part_pattern(last)), re.IGNORECASE | re.DOTALL)


def _part_pattern(part: str) -> str:
    """Of one folder or file; each * takes as little as it can and gives none back, so that no name takes long."""
    first, *rest = map(re.escape, part.split("*"))
    if not rest:
        return first
    return first + "".join(f"(?>[^/]*?{text})" for text in rest[:-1]) + "[^/]*" + rest[-1]
