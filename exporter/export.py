"""Reports: each a file `NAME.json.sql` or `NAME.csv.sql`, whose query makes `NAME.json` or `NAME.csv`."""

import io
import json
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO

from exporter import stamp
from exporter.cells import write_csv
from exporter.rejects import check_rejects
from pipeline import ledger
from pipeline.database import Database, Transaction
from pipeline.errors import PipelineError, SettingsError
from pipeline.ledger import LoadProgress
from pipeline.limits import RowLimit
from pipeline.terminal import printable

REPORTS = Path(__file__).parent / "reports"
CONNECTIONS = 4  # that make reports at the same time
COMMONEST = 3  # kinds of faults that the exporter names


@dataclass(frozen=True)
class Exported:
    """The reports, and what became of the rows that they are about."""

    files: list[Path]  # by name
    up_to_date_since: datetime | None  # when they were written before, if nothing has changed since
    loads: list[LoadProgress]
    rejected_kinds: list[tuple[str, int]]  # the commonest, each with its number of rows


def export(database: Database, output: Path, max_rejects: RowLimit | None = None) -> Exported | None:
    """Writes every report into `output`, all from one snapshot, unless they are up to date there.

    None, and nothing written, if the snapshot holds a load that is not complete. The files are replaced
    after all of them were written and synced: a reader never sees half of one, and an error (SettingsError
    if the folder is at fault, TooManyRejectsError) leaves the previous ones.
    """
    queries = sorted(REPORTS.glob("*.sql"))
    files = [output / query.stem for query in queries]
    try:
        with tempfile.TemporaryDirectory(dir=output, prefix=".reports-") as folder:
            with database.transaction(snapshot=True) as tx:
                if ledger.missing_chunks(tx):
                    return None
                loads = ledger.progress(tx)
                if max_rejects:
                    check_rejects(loads, max_rejects)
                kinds = ledger.rejected_kinds(tx, COMMONEST)
                made_from = stamp.origin(tx, queries)
                if since := stamp.written_at(output, made_from, files):
                    return Exported(files, since, loads, kinds)
                write = partial(_write, database, tx.shared_snapshot(), Path(folder))
                with ThreadPoolExecutor(CONNECTIONS) as threads:
                    finished = list(threads.map(write, queries))
            finished.append(stamp.write(Path(folder), made_from, finished))  # last: it vouches for the others
            for path in finished:
                path.replace(output / path.name)
            return Exported(files, None, loads, kinds)
    except OSError as error:
        raise SettingsError(
            f"OUTPUT_DIR: cannot write into '{output}': {error.strerror}; the previous reports are as they were"
        ) from error


def check_writable(output: Path) -> None:
    """Raises SettingsError, naming OUTPUT_DIR, if reports cannot be written there."""
    if not output.is_dir():
        raise SettingsError(f"OUTPUT_DIR: no folder '{output}'; create it or correct the setting")
    try:
        with tempfile.TemporaryFile(dir=output):
            pass
    except OSError as error:
        raise SettingsError(
            f"OUTPUT_DIR: cannot write into '{output}': {error.strerror}; correct its rights or the setting"
        ) from error


def _write(database: Database, snapshot: str, folder: Path, query: Path) -> Path:
    path = folder / query.stem
    with (
        closing(database.another()) as connection,
        connection.transaction(snapshot=snapshot) as tx,
        path.open("x", encoding="utf-8", newline="") as file,
    ):
        if path.suffix == ".json":
            _write_json(tx, query, file)
        elif path.suffix == ".csv":
            _write_csv(tx, query, file)
        else:
            raise PipelineError(f"{query.name}: a report is called NAME.json.sql or NAME.csv.sql")
        file.flush()
        os.fsync(file.fileno())
    return path


def _write_json(tx: Transaction, query: Path, file: IO[str]) -> None:
    """The query's one value, of type json, without spaces and with its characters as they are."""
    rows = tx.rows(query)
    if len(rows) != 1 or len(rows[0]) != 1:
        raise PipelineError(f"{query.name}: a JSON report's query returns one row with one column of type json")
    json.dump(rows[0][0], file, ensure_ascii=False, separators=(",", ":"))


def _write_csv(tx: Transaction, query: Path, file: IO[str]) -> None:
    """A header and the query's rows; lines end with a newline alone."""
    names, rows = tx.stream(query)
    write_csv(file, chain([names], rows))


def table(summary: Path) -> str:
    """The counts of a summary file as lines to read."""
    counts = json.loads(summary.read_text(encoding="utf-8"))
    rows = [(printable(name), count) for name, count in counts.items()]
    out = io.StringIO()
    width = max((len(name) for name, _ in rows), default=0)
    for name, count in rows:
        out.write(f"{name:<{width}}  {count:>12,}\n")
    return out.getvalue()
