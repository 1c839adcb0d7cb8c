"""A dataset's own SQL, NAME.sql: it stores rows of a dataset with shared keys in tables that it makes itself.

It comes from the project or from the folder DATASETS_DIR, never from the data folder. docs/extending.md is the contract
of its statements.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from pipeline.descriptions.description import Dataset, Package
from pipeline.descriptions.descriptor import rules_of_rows
from pipeline.descriptions.naming import snake_case, table_fault
from pipeline.descriptions.package import OWN_PACKAGE, find_package, read_package
from pipeline.errors import SettingsError
from pipeline.postgres.sql_text import statement_starts, tokens, unterminated

STATEMENTS = ("decide", "remove_unlisted")  # of shared.sql, that it stands in place of
NAMES = re.compile(r"\{(deciding|unlisted)\}")  # of temporary tables, in its statements
HEADING = re.compile(r"^-- (name|table):[ \t]*(.*?)[ \t\r]*$", re.MULTILINE)
# What would end the transaction of a chunk, or of `pipeline schema`, half-way.
TRANSACTION_WORDS = frozenset({"abort", "begin", "commit", "end", "prepare", "rollback", "start"})


@dataclass(frozen=True)
class Section:
    """A named part of a file: a statement, or what makes a table."""

    path: Path
    title: str  # as messages call it, such as statement decide
    text: str
    line: int  # of the file, on which the text begins

    def place(self, position: int | None = None) -> str:
        """Such as: datasets/marriages.sql line 12, statement decide. `position` is a character of the text, from 1."""
        line = self.line + self.text[: (position or 1) - 1].count("\n")
        return f"{self.path} line {line}, {self.title}"


@dataclass(frozen=True)
class OwnSql:
    path: Path
    sha256: str
    statements: Mapping[str, Section]
    tables: Mapping[str, Section]  # by name of the table that they make, in the order of their making

    @property
    def is_of_project(self) -> bool:
        """Then an error in it is not the user's to correct in the file."""
        return self.path.parent == OWN_PACKAGE.parent


_installed: dict[str, OwnSql] = {}  # of DATASETS_DIR, by dataset


def use(folder: Path | None) -> None:
    """Takes SQL from this folder, as it is now, until the process ends.

    Raises SettingsError if the folder cannot be read, and, naming file, line and remedy, if a file is not as it has to
    be.
    """
    _installed.clear()
    if folder is None:
        return
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".sql")
    except OSError as error:
        raise SettingsError(
            f"DATASETS_DIR: cannot read folder '{folder}': {error.strerror}; create it or name another with --datasets"
        ) from error
    _installed.update({path.stem: read_own_sql(path) for path in paths})


def installed_sql(name: str) -> OwnSql | None:
    """The SQL of a dataset whose tables were made with some: of DATASETS_DIR, or else of the project."""
    return _installed.get(name) or _project().get(name, (None, None))[1]


def difference_of_sql(dataset: Dataset, sha256: str | None, installed: OwnSql | None) -> str | None:
    """How the SQL that a dataset was used with (None: none) differs from the installed one; None if it does not.

    Such as: with a marriages.sql of SHA-256 1f3c5a7b9d0e..., and there is none here.
    """
    if sha256 == (installed.sha256 if installed else None):
        return None
    before = f"a {dataset.name}.sql of SHA-256 {sha256[:12]}..." if sha256 else "no SQL of its own"
    here = f"one of SHA-256 {installed.sha256[:12]}... is" if installed else "there is none"
    return f"with {before}, and {here} here"


def read_package_of(data_folder: Path) -> Package:
    """The description that holds for a data folder, with the digests of SQL of its datasets' own.

    Raises what `read_package` and `with_own_sql` do, and SettingsError if that SQL comes from the data folder.
    """
    for sql in _installed.values():
        if sql.path.resolve().is_relative_to(data_folder.resolve()):
            raise SettingsError(
                f"DATASETS_DIR: '{sql.path}' lies in the data folder, whose files are not trusted with SQL; name"
                " another folder"
            )
    package = read_package(find_package(data_folder))
    return replace(package, datasets=with_own_sql(package.datasets))


def with_own_sql(datasets: Iterable[Dataset]) -> tuple[Dataset, ...]:
    """The datasets, each with the digest of its own SQL where it has some.

    The project's SQL is for its own datasets, also where another package describes them in the same words. Raises
    SettingsError if a dataset cannot have SQL of its own.
    """
    return tuple(map(_with_sql, datasets))


def _with_sql(dataset: Dataset) -> Dataset:
    found = _installed.get(dataset.name)
    if found is None:
        project, sql = _project().get(dataset.name, (None, None))
        found = sql if project and rules_of_rows(project) == rules_of_rows(dataset) else None
    if found is None:
        return dataset
    if not dataset.shared_keys:
        raise SettingsError(
            f"{found.path}: dataset '{dataset.name}' shares no keys, and SQL of its own decides what holds of shared"
            ' keys; give the resource a primaryKey and "pipeline:sharedKeys", or remove the file'
        )
    return replace(dataset, sql_sha256=found.sha256)


@cache
def _project() -> dict[str, tuple[Dataset, OwnSql | None]]:
    folder = OWN_PACKAGE.parent
    sql = {path.stem: read_own_sql(path) for path in folder.glob("*.sql")}
    return {dataset.name: (dataset, sql.get(dataset.name)) for dataset in read_package(OWN_PACKAGE).datasets}


def read_own_sql(path: Path) -> OwnSql:
    """Reads a dataset's SQL. Raises SettingsError, naming file, line and remedy, if it breaks the contract."""
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingsError(f"DATASETS_DIR: cannot read '{path}': {reason}; correct or remove the file") from error
    sections = _sections(path, text)
    statements = {name: section for (kind, name), section in sections.items() if kind == "name"}
    for name in STATEMENTS:
        if name not in statements:
            raise SettingsError(f"{path}: it lacks the statement {name}; add it under a line `-- name: {name}`")
    tables = {name: section for (kind, name), section in sections.items() if kind == "table"}
    return OwnSql(path, hashlib.sha256(content).hexdigest(), statements, tables)


def _sections(path: Path, text: str) -> dict[tuple[str, str], Section]:
    headings = list(HEADING.finditer(text))
    first = headings[0].start() if headings else len(text)
    if found := next(tokens(text[:first]), None):
        line = text.count("\n", 0, found.start()) + 1
        raise SettingsError(
            f"{path} line {line}: SQL without a heading; write `-- name: decide`, `-- name: remove_unlisted` or"
            " `-- table: NAME` above it"
        )
    sections: dict[tuple[str, str], Section] = {}
    for number, heading in enumerate(headings):
        kind, name = heading.groups()
        end = headings[number + 1].start() if number + 1 < len(headings) else len(text)
        title = f"{'statement' if kind == 'name' else 'table'} {name}"
        line = text.count("\n", 0, heading.end()) + 1
        section = Section(path, title, unterminated(text[heading.end() : end]), line)
        fault = "stands twice; remove one" if (kind, name) in sections else _fault(kind, name, section.text)
        if fault:
            raise SettingsError(f"{section.place()}: it {fault}")
        sections[kind, name] = section
    return sections


def _fault(kind: str, name: str, text: str) -> str | None:
    """What is wrong with a section, and the remedy."""
    if kind == "name" and name not in STATEMENTS:
        return f"is unknown; a dataset has the statements {' and '.join(STATEMENTS)}"
    if kind == "table" and (name != snake_case(name) or table_fault(name)):
        return f"{table_fault(name) or 'has a name that is not in snake_case'}; give it another name"
    starts = list(statement_starts(text))
    if not starts:
        return "holds no SQL; write it below the heading"
    words = [start[0] for start in starts if start[0].lower() in TRANSACTION_WORDS]
    return f"has {words[0].upper()}, and is a part of a greater transaction; remove that" if words else None
