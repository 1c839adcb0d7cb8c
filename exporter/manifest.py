"""The manifest: a hidden file that lists what the exporter wrote and a digest of its input."""

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from exporter.report import Report
from pipeline import pages, postgres, status
from pipeline.csv_text import formula_escape
from pipeline.postgres.transaction import Transaction

NAME = ".reports.json"
HERE = Path(__file__).parent
PAGES = Path(pages.__file__).parent
POSTGRES = Path(postgres.__file__).parent
FOLDERS = (HERE, PAGES, PAGES / "templates", Path(status.__file__).parent, POSTGRES, POSTGRES / "sql")
KINDS = frozenset({".py", ".sql", ".html", ".css"})
# What turns rows into files.
CODE = (
    *(path for folder in FOLDERS for path in sorted(folder.iterdir()) if path.suffix in KINDS),
    Path(formula_escape.__file__),
)
LONGEST = 1 << 20  # bytes of a manifest


def input_digest(tx: Transaction, reports: Iterable[Report]) -> str:
    """A digest of the input of all reports: the state of the ledger, the queries, and the code.

    It changes with each load, reopened chunk and forgotten source, because the ledger has the time of each commit in
    microseconds. It differs between databases. It does not notice tables changed by hand.
    """
    files = [(path.name, _digest(path)) for path in CODE]
    queries = [(report.path.name, report.query) for report in reports]
    return hashlib.sha256(json.dumps([tx.value(HERE / "ledger_state.sql"), files, queries]).encode()).hexdigest()


def write(folder: Path, input_digest: str | None, reports: Iterable[Path], earlier: Iterable[str] = ()) -> Path:
    """Writes the manifest of these files into `folder`, and syncs it.

    Without `input_digest`, the files are listed as the exporter's own but never count as up to date. `earlier` names
    files of removed reports, so that the producer does not warn about them.
    """
    path = folder / NAME
    with path.open("xb") as file:
        file.write(_content(input_digest, reports, earlier))
        file.flush()
        os.fsync(file.fileno())
    return path


def written_at(folder: Path, input_digest: str, reports: Sequence[Path]) -> datetime | None:
    """When these files were written; None unless the manifest shows that all of them are up to date.

    The manifest in `folder` must equal, byte by byte, the one that would be written now.
    """
    path = folder / NAME
    try:
        if not all(each.is_file() for each in (path, *reports)):  # a named pipe would keep its reader waiting
            return None
        expected = _content(input_digest, reports, earlier_names(folder, {path.name for path in reports}))
        with path.open("rb") as file:
            if file.read(len(expected) + 1) != expected:
                return None
            return datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
    except (OSError, OverflowError, ValueError):  # the latter for a time that no calendar has
        return None


def written_names(folder: Path) -> frozenset[str]:
    """The names of the files in `folder` that an exporter wrote; empty without a valid manifest."""
    return frozenset({NAME, *_listed(folder, "reports")})


def earlier_names(folder: Path, names: Collection[str]) -> list[str]:
    """Files in `folder` that an exporter wrote for reports that are now removed: those not in `names`."""
    written = {*_listed(folder, "reports"), *_listed(folder, "earlier")} - set(names)
    return sorted(name for name in written if (folder / name).is_file())


def _listed(folder: Path, key: str) -> frozenset[str]:
    path = folder / NAME
    try:
        if not path.is_file():
            return frozenset()
        with path.open("rb") as file:
            return frozenset(map(str, json.loads(file.read(LONGEST)).get(key, ())))
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return frozenset()


def _content(input_digest: str | None, reports: Iterable[Path], earlier: Iterable[str]) -> bytes:
    digests = {path.name: _digest(path) for path in reports}
    return json.dumps({"input_digest": input_digest, "reports": digests, "earlier": list(earlier)}, indent=2).encode()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
