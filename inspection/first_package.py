"""A first datapackage.json, and the reasons for its content as lines to read."""

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inspection import former_package
from inspection.decision import Decision
from inspection.describe import DescribedFile, FileKind
from inspection.names import column_names, resource_name, shared_pattern, stem, table_name
from pipeline.descriptions.description import Package
from pipeline.descriptions.matching import dataset_of
from pipeline.descriptions.naming import snake_case
from pipeline.descriptions.package import read_package
from pipeline.errors import InputError, SettingsError
from pipeline.wording import counted

PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"
SIGN_IN_NAME = re.compile(r"\w([:~^#!$%&*+=@])(?=\w)")  # that may be a delimiter

NO_NAME = re.compile(r"[\d\s.,:/+-]+")  # a number, a date or a time


@dataclass(frozen=True)
class Resource:
    """A kind of files with its names, and what was decided of its columns."""

    kind: FileKind
    name: str
    table: str
    columns: tuple[str, ...]
    decisions: tuple[Decision, ...]
    alike: str | None = None  # a file of another kind that is called like these

    def as_json(self) -> dict[str, Any]:
        paths = [file.name for file in self.kind.files]
        schema: dict[str, Any] = {"fields": list(map(self._field, range(len(self.columns))))}
        if any(file.left_out for file in self.kind.files):
            schema = {"fieldsMatch": "subset", **schema}
        return {
            "name": self.name,
            "type": "table",
            "path": paths if len(paths) > 1 else paths[0],
            **({"encoding": self.kind.encoding} if self.kind.encoding != "utf-8" else {}),
            **({"dialect": {"delimiter": self.kind.delimiter}} if self.kind.delimiter != "," else {}),
            **({"pipeline:table": self.table} if self.table != snake_case(self.name) else {}),
            "schema": schema,
        }

    def lines(self) -> Iterator[str]:
        """What was found of each file, and what was decided of each column, one line for each."""
        for file in self.kind.files:
            form = f"{self.kind.encoding}, delimiter {self.kind.delimiter!r}"
            yield f"{file.name}: {counted(file.row_count, 'row')}, {form} → resource {self.name}, table {self.table}"
            yield from _remarks(file, named_columns=len(self.kind.names))
        names = [file.name for file in self.kind.files]
        if self.alike:
            yield (
                f"  called like {self.alike}, with other columns: one resource can have both, with the columns of both"
                ' and "fieldsMatch": "partial"'
            )
        elif len(names) > 1 and (pattern := shared_pattern(names)):
            yield f'  to load later files too, write "path": "{pattern}"'
        if sign := self._likely_delimiter():
            yield f"  one column: if {sign!r} separates columns, put a line sep={sign} above the header"
        if all(map(NO_NAME.fullmatch, self.kind.names)):
            yield '  the header may be a row: if the file has none, add "dialect": {"header": false} to the resource'
        for name, column, decision in zip(self.kind.names, self.columns, self.decisions, strict=True):
            made = name if name == column else f"{name} → {column}"
            yield f"  {made}: {decision.type_shown} ({decision.reason})"

    def _likely_delimiter(self) -> str | None:
        """A sign, other than those that a header may show, in the only name and in the first value."""
        if len(self.kind.names) > 1 or (first := self.kind.profiles[0].first) is None:
            return None
        return next((sign for sign in SIGN_IN_NAME.findall(self.kind.names[0]) if sign in first.text), None)

    def _field(self, position: int) -> dict[str, Any]:
        name, column = self.kind.names[position], self.columns[position]
        own = {"pipeline:column": column} if column != snake_case(name) else {}
        return {"name": name, **self.decisions[position].properties, **own}


def resources(kinds: Sequence[FileKind]) -> list[Resource]:
    """Each with names that no other one has."""
    found: list[Resource] = []
    for kind in kinds:
        wanted = kind.stem if len(kind.files) > 1 else stem(kind.files[0].name)
        name = resource_name(wanted, (other.name for other in found))
        table = table_name(name, (other.table for other in found))
        others = (other for other in kinds if other is not kind and other.stem.lower() == kind.stem.lower())
        alike = next((other.files[0].name for other in others), None)
        found.append(Resource(kind, name, table, tuple(column_names(kind.names)), tuple(kind.decisions()), alike))
    return found


def check_output(path: Path, *, may_replace: bool) -> None:
    """Raises SettingsError if a description cannot be written there."""
    if not path.parent.is_dir():
        raise SettingsError(f"no folder '{path.parent}' to write into; name the folder of the files with --data")
    if not may_replace and os.path.lexists(path):
        raise SettingsError(f"{path}: the file exists; replace it with --force, or write another with --output")


def write_package(described: Sequence[Resource], path: Path, *, may_replace: bool) -> Path | None:
    """Writes a datapackage.json whole or not at all, after a check that it is read as intended.

    Returns the name under which a file that it replaces is kept, or None. Raises SettingsError if the file exists and
    may not be replaced.
    """
    package = {"$schema": PROFILE, "resources": [resource.as_json() for resource in described]}
    text = json.dumps(package, ensure_ascii=False, indent=2) + "\n"
    written = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        written.write_text(text, encoding="utf-8")
        _check_files(read_package(written), described)
        kept = former_package.keep(path, text) if may_replace else None
        if may_replace:
            written.replace(path)
        else:
            os.link(written, path)  # which replaces no file, not even one that was written at this moment
    except FileExistsError:
        check_output(path, may_replace=may_replace)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be written: {error.strerror}; correct the rights of its folder") from error
    finally:
        written.unlink(missing_ok=True)
    return kept


def _check_files(package: Package, described: Sequence[Resource]) -> None:
    """Raises InputError if a file is not of the one resource that describes it."""
    for resource in described:
        for file in resource.kind.files:
            dataset = dataset_of(package, file.name)
            if dataset is None or dataset.name != resource.name:
                raise InputError(f"{file.name}: no path of a description can name this file; rename it")


def _remarks(file: DescribedFile, named_columns: int) -> Iterator[str]:
    for column, reason in file.left_out.items():
        yield f"  {column}: left out, since {reason}; correct the header to load it"
    if len(file.left_out) > named_columns:
        yield "  most columns have no name of their own: remove the lines above the header, if there are any"
    if file.problems.row_count:
        yield f"  {counted(file.problems.row_count, 'row')} would be rejected:"
        yield from (f"    {line}" for line in file.problems.lines())
        if 2 * file.misfit_count > file.row_count:
            yield "    most rows do not fit the header: remove the lines above it, or let it name all columns"
