"""A report: a file `NAME.json.sql` or `NAME.csv.sql`, whose query makes `NAME.json` or `NAME.csv`; and their page."""

import logging
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.datasets.layout import stored_columns
from pipeline.descriptions.description import Dataset
from pipeline.descriptions.matching import dataset_of
from pipeline.descriptions.own_sql import with_own_sql
from pipeline.descriptions.package import OWN_PACKAGE, find_package, read_package
from pipeline.errors import SettingsError
from pipeline.postgres.sql_text import statement_starts
from pipeline.postgres.transaction import Transaction
from pipeline.tables.recorded import Recorded
from pipeline.tables.registry import recorded_tables

logger = logging.getLogger(__name__)

REPORTS = Path(__file__).parent / "reports"
LOADED_SOURCES = Path(__file__).with_name("loaded_sources.sql")
NAME = re.compile(r"[^.].*\.(csv|json)", re.DOTALL)  # hidden files of the output folder are the exporter's own
PAGE = "report.html"  # shows all reports
# One of the comments above a query: the datasets that a report is about, and its title.
COMMENT = r"(?:[ \t]*(?:--[^\n]*)?\n)*?[ \t]*--[ \t]*%s:([^\n]*)"
DATASETS = re.compile(COMMENT % "datasets")
TITLE = re.compile(COMMENT % "title")
STATEMENT_WORDS = frozenset({"select", "with", "values", "table", "("})  # that a SELECT can begin with


@dataclass(frozen=True)
class Report:
    """A query, and the file that it makes."""

    path: Path  # of the query
    query: str
    source_names: frozenset[str]  # what the producer would call the file that the query makes
    is_own: bool = False  # the user's, from REPORTS_DIR
    output: Path = Path()  # folder that the file is written into

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def title(self) -> str:
        """On the page; by default the name of the file, in words."""
        found = TITLE.match(self.query)
        return found[1].strip() if found else Path(self.name).stem.replace("_", " ").capitalize()

    @property
    def datasets(self) -> frozenset[str]:
        """What it is about; none if it does not say, and then it is always written."""
        found = DATASETS.match(self.query)
        return frozenset(name.strip() for name in found[1].split(",")) if found else frozenset()


def find_reports(output: Path, data: Path, own: Path | None = None, *, logs_left_out: bool = False) -> list[Report]:
    """The project's reports and those of the folder `own`, as they are to be written into `output`.

    If the data folder has a description, without those that are about other datasets; the log can name those of `own`.
    Raises SettingsError, naming the query's file, if a report cannot be read, is not one SELECT, has the name of
    another one, or if the producer would read it from `data` as a source. Nor may a report of `own`, or the page, have
    the name of a source if it is written elsewhere.
    """
    description = find_package(data)
    package = read_package(description)
    described = {dataset.name for dataset in package.datasets}
    for name in _source_names(PAGE, output, data):
        if dataset := dataset_of(package, name):
            raise SettingsError(
                f"{PAGE}: the report page has this name, and '{name}' would be read as a file of"
                f" {dataset.name}; give that file another name"
            )
    reports: dict[str, Report] = {}
    for path in [*sorted(REPORTS.glob("*.sql")), *_own_queries(own)]:
        if not NAME.fullmatch(path.stem):
            raise SettingsError(f"report {path.name}: a report is called NAME.json.sql or NAME.csv.sql; rename it")
        is_own = path.parent == own
        names = _source_names(path.stem, output, data) if is_own else _names_in_data(path.stem, output, data)
        report = Report(path, _query(path), names, is_own, output)
        if description != OWN_PACKAGE and (others := report.datasets - described):
            if report.is_own and logs_left_out:
                _log_left_out(report, others, f"which {description} does not describe")
            continue
        for name in report.source_names:
            if dataset := dataset_of(package, name):
                raise SettingsError(
                    f"report {path.name}: '{name}' would be read as a file of {dataset.name}; {_remedy(report)}"
                )
        other = reports.setdefault(report.name.casefold(), report)
        if other.name == report.name and other is not report:
            raise SettingsError(f"report {path.name}: another report has this name; rename it")
        if other is not report:
            raise SettingsError(f"report {path.name}: differs from {other.path.name} only in case; rename one of them")
    return list(reports.values())


def of_present_datasets(tx: Transaction, reports: Iterable[Report]) -> list[Report]:
    """Those whose datasets the database has: for the project's reports, with the columns that its own datasets have."""
    recorded = recorded_tables(tx)
    like_project = {each.name for each in with_own_sql(read_package(OWN_PACKAGE).datasets) if _is_like(each, recorded)}
    return [report for report in reports if report.datasets <= (recorded.keys() if report.is_own else like_project)]


def log_without_tables(tx: Transaction, reports: Iterable[Report]) -> None:
    """Names the user's reports that are not written, since the database has no table of their datasets."""
    present = recorded_tables(tx).keys()
    for report in reports:
        if report.is_own and (others := report.datasets - present):
            _log_left_out(report, others, "of which the database has no table")


def _log_left_out(report: Report, others: Iterable[str], reason: str) -> None:
    names = ", ".join(sorted(others))
    logger.info("report %s is not written: its line `-- datasets:` names %s, %s", report.path.name, names, reason)


def _is_like(dataset: Dataset, recorded: Mapping[str, Recorded]) -> bool:
    if (found := recorded.get(dataset.name)) is None or found.has_own_table != (dataset.sql_sha256 is not None):
        return False
    return {column.name for column in found.tables[-1].columns}.issuperset(stored_columns(dataset))


def _own_queries(folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".sql")
    except OSError as error:
        raise SettingsError(
            f"REPORTS_DIR: cannot read folder '{folder}': {error.strerror}; create it or name another with --reports"
        ) from error


def check_sources(tx: Transaction, reports: Iterable[Report]) -> None:
    """Raises SettingsError if a report, or the page, has the name of a source that the ledger knows.

    The project's reports may have it where the source was read from another folder than they are written into.
    """
    loaded = {name.casefold(): (name, read_from) for name, read_from in tx.rows(LOADED_SOURCES)}
    if PAGE in loaded:
        source, _ = loaded[PAGE]
        raise SettingsError(
            f"{PAGE}: the report page has this name, and '{source}' is a source that was loaded; forget it, and"
            " give that file another name"
        )
    for report in reports:
        for name in report.source_names:
            source, read_from = loaded.get(name.casefold(), (None, None))
            is_elsewhere = read_from and os.path.realpath(os.path.dirname(read_from)) != os.path.realpath(report.output)
            if source and (report.is_own or not is_elsewhere):
                raise SettingsError(
                    f"report {report.path.name}: '{source}' is a source that was loaded; {_remedy(report)}"
                )


def _check_statement(path: Path, query: str) -> None:
    """Raises SettingsError unless the query is one SELECT: a second statement would run too, such as a COMMIT."""
    starts = list(statement_starts(query))
    if len(starts) > 1:
        line = query.count("\n", 0, starts[1].start()) + 1
        raise SettingsError(
            f"report {path.name} line {line}: a second statement begins here; a report is one SELECT, so write"
            " another report for it"
        )
    first = starts[0][0] if starts else None
    if first is None or first.lower() not in STATEMENT_WORDS:
        found = f"begins with '{first}'" if first else "holds no query"
        raise SettingsError(f"report {path.name}: a report is one SELECT, and this one {found}; correct the file")


def _query(path: Path) -> str:
    try:
        query = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingsError(
            f"report {path.name}: cannot read '{path}': {reason}; correct or remove the file"
        ) from error
    _check_statement(path, query)
    return query


def _source_names(name: str, output: Path, data: Path) -> frozenset[str]:
    """The file's own name, and its name within the data folder if it is written into that."""
    return frozenset({name}) | _names_in_data(name, output, data)


def _names_in_data(name: str, output: Path, data: Path) -> frozenset[str]:
    """The file's name within the data folder if it is written into that."""
    folder, root = output.resolve(), data.resolve()
    return frozenset({(folder / name).relative_to(root).as_posix()} if folder.is_relative_to(root) else ())


def _remedy(report: Report) -> str:
    """For a report that would be read as a source: the project's reports keep their names."""
    return "rename the report" if report.is_own else "write the reports elsewhere with --output, or rename that file"
