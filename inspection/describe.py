"""Writes a first description of files, with a type for each column that can be read in one way."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from inspection.column_profile import ColumnProfile
from inspection.decision import Decision, decided
from inspection.found_file import FoundFile, found_file, source_of
from inspection.names import shared_stem
from inspection.problems import Problems
from pipeline.csv_text.rows import BLOCK_LINES, SourceRow
from pipeline.datasets.checking import textless_rows
from pipeline.datasets.outcome import Rejected
from pipeline.errors import InputError, SettingsError
from pipeline.url import Location
from pipeline.wording import first_files, listed
from producer.files.content import OpenedFiles
from producer.files.encodings import Encodings
from producer.sources import Source
from producer.unnamed import report_names

logger = logging.getLogger(__name__)
MOST_HASHES = 500_000  # values of all columns of a resource that are remembered to see whether they differ


@dataclass
class DescribedFile:
    name: str  # within the data folder
    row_count: int
    left_out: dict[str, str]  # columns that no field names, and why
    problems: Problems = field(default_factory=Problems)  # of rows whose form is wrong
    misfit_count: int = 0  # rows with more or fewer fields than the header


@dataclass
class FileKind:
    """Files that hold the same columns, and what these columns are."""

    stem: str
    delimiter: str
    encoding: str
    names: tuple[str, ...]
    profiles: list[ColumnProfile]
    files: list[DescribedFile] = field(default_factory=list)

    def decisions(self) -> list[Decision]:
        return [decided(profile) for profile in self.profiles]


def file_kinds(
    folder: Path,
    paths: Sequence[Location],
    encodings: Encodings = Encodings(),  # noqa: B008 (frozen)
) -> list[FileKind]:
    """Reads files of a data folder whole. Files whose headers agree and whose names share a stem are of one kind.

    Leaves out reports of the pipeline, and says so. Raises InputError, with a line for each file that is broken as a
    whole, or of which it cannot be told how it is written.
    """
    sources = _without_reports(folder, [source_of(path, folder) for path in paths])
    names = [source.name.lower() for source in sources]
    if doubled := next((source for source in sources if names.count(source.name.lower()) > 1), None):
        raise SettingsError(f"{doubled.path}: two files are called '{doubled.name}'; name each file once")
    encodings.check(source.name for source in sources)
    kinds: dict[object, FileKind] = {}
    faults: list[str] = []
    with OpenedFiles() as contents:
        for source in sources:
            try:
                with found_file(source, contents, encodings) as found:
                    _add(_kind_of(found, kinds), found)
            except InputError as error:
                faults += error.lines
    if faults:
        raise InputError(*first_files(faults))
    return list(kinds.values())


def _kind_of(found: FoundFile, kinds: dict[object, FileKind]) -> FileKind:
    stem = shared_stem(found.source.name)
    key = (stem.lower(), found.names, tuple(found.left_out), found.delimiter, found.encoding)
    if key not in kinds:
        hashes = MOST_HASHES // len(found.names)
        profiles = [ColumnProfile(hashes) for _ in found.names]
        kinds[key] = FileKind(stem, found.delimiter, found.encoding, found.names, profiles)
    return kinds[key]


def _without_reports(folder: Path, sources: Sequence[Source]) -> list[Source]:
    written = set(report_names(folder))
    reports = [source.name for source in sources if source.name in written]
    if reports:
        logger.info("left out, since the exporter wrote them: %s", listed(reports))
    if len(reports) == len(sources):
        raise SettingsError("all named files are reports of the pipeline; name the CSV files that it shall load")
    return [source for source in sources if source.name not in written]


def _add(kind: FileKind, found: FoundFile) -> None:
    described = DescribedFile(found.source.name, found.rows.row_count, found.left_out)
    of_file = f" of {described.name}" if kind.files else ""
    kind.files.append(described)

    def add(columns: Iterable[Sequence[str]], row: Callable[[int], SourceRow]) -> None:
        for profile, texts in zip(kind.profiles, columns, strict=True):
            profile.add(texts, lambda number: f"line {row(number).line:,}{of_file}")

    def add_singly(rows: Iterable[SourceRow]) -> None:
        good = []
        for row in rows:
            found.check_encoding(row)
            if row.faults:
                described.problems.add([Rejected(row, row.faults)])
                described.misfit_count += not row.fields
            else:
                good.append(row)
            if len(good) >= BLOCK_LINES:
                add(_columns(good), good.__getitem__)
                good = []
        if good:
            add(_columns(good), good.__getitem__)

    for rows in found.rows:
        for block, columns in rows.blocks():
            if columns is None or textless_rows(columns):
                add_singly(block)
            else:
                add(columns, block.row)


def _columns(rows: Sequence[SourceRow]) -> Iterable[Sequence[str]]:
    return zip(*(row.fields for row in rows), strict=True)
