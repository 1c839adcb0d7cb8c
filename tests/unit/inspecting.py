"""Files of a data folder, described and checked without a process of their own."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inspection.check import CheckedFile, check
from inspection.describe import file_kinds
from inspection.first_package import Resource, resources, write_package
from producer.files.encodings import Encodings


def write(folder: Path, **files: str | bytes) -> list[Path]:
    """write(folder, people="...") makes people.csv."""
    paths = []
    for name, content in files.items():
        paths.append(folder / f"{name}.csv")
        paths[-1].write_bytes(content if isinstance(content, bytes) else content.encode())
    return paths


def described(folder: Path, encoding: str | None = None, **files: str | bytes) -> list[Resource]:
    """What is decided of files, and written into the folder's datapackage.json."""
    encodings = Encodings.parse([encoding] if encoding else [])
    found = resources(file_kinds(folder, write(folder, **files), encodings))
    write_package(found, folder / "datapackage.json", may_replace=True)
    return found


def fields(folder: Path) -> list[dict[str, Any]]:
    """Of the first resource of the folder's datapackage.json."""
    found: list[dict[str, Any]] = package(folder)["resources"][0]["schema"]["fields"]
    return found


def package(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    return found


def checked(folder: Path, *names: str) -> list[CheckedFile]:
    return list(check(folder, [folder / name for name in names]))


def problems(folder: Path, *names: str) -> list[str]:
    """Of all files that are checked: why they are refused, and each rule that rows break."""
    return [
        line for found in checked(folder, *names) for line in ([found.fault] if found.fault else found.problems.lines())
    ]


def column_of(folder: Path, values: Sequence[str]) -> tuple[dict[str, Any], str]:
    """What is written of a column of these values, and why."""
    text = "".join(f"{number},{value}\n" for number, value in enumerate(values, 1))
    [resource] = described(folder, things=f"number,value\n{text}")
    return {name: value for name, value in fields(folder)[1].items() if name != "name"}, resource.decisions[1].reason
