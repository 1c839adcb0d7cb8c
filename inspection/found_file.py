"""How a file is written: its encoding, delimiter and column names."""

import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from inspection.file_rows import FileRows
from inspection.names import undescribable
from pipeline.csv_text.dialect import Dialect
from pipeline.csv_text.rows import SourceRow
from pipeline.descriptions.description import Dataset, Field
from pipeline.descriptions.matching import path_fault, without_compression
from pipeline.descriptions.table_schema import MOST_FIELDS
from pipeline.errors import InputError, SettingsError
from pipeline.url import Location, Url
from producer.files.content import OpenedFiles
from producer.files.encodings import Encoding, Encodings
from producer.header import DELIMITERS, Header, read_header
from producer.scan import scan
from producer.sources import Source

UNDECODED = re.compile("[\udc80-\udcff]")  # bytes that are not UTF-8, as PEP 383 has them
NAME_THE_ENCODING = "name the encoding of the file, such as --encoding windows-1252"


@dataclass(frozen=True)
class FoundFile:
    """A file of which the header is known."""

    source: Source
    rows: FileRows
    delimiter: str
    encoding: str
    names: tuple[str, ...]  # of the columns that can be described, as the header has them
    left_out: dict[str, str]  # columns that cannot be described, such as: column 3 -> it has no name
    is_encoding_given: bool

    def check_encoding(self, row: SourceRow) -> None:
        """Raises InputError if a row holds bytes that are not in the encoding, unless the user gave it."""
        if not self.is_encoding_given and any(map(UNDECODED.search, row.fields)):
            raise InputError(f"{self.source.path} line {row.line}: bytes that are not UTF-8; {NAME_THE_ENCODING}")


def source_of(path: Location, folder: Path) -> Source:
    """The source that a file is in the data folder. Raises InputError if no description could name it."""
    if isinstance(path, Url):
        raise SettingsError(f"{path}: a description is of files of the data folder; fetch the file into it")
    _check_file(path)
    if not path.resolve().is_relative_to(folder.resolve()):
        raise SettingsError(f"{path}: not in the data folder '{folder}'; name its folder with --data {path.parent}")
    name = without_compression(path.resolve().relative_to(folder.resolve()).as_posix())
    fault = ("has a *, which stands for any characters", "rename the file") if "*" in name else path_fault(name)
    if fault:
        raise InputError(f"{path}: '{name}' {fault[0]}; {fault[1]}")
    return Source(name, path, Dataset(name, "", (name,), ()))


def _check_file(path: Path) -> None:
    """Raises InputError if there is no file that can be read more than once."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"{path}: no such file; name a CSV file that exists") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; correct the file or its rights") from error
    if stat.S_ISDIR(mode):
        raise InputError(f"{path}: a folder; name the CSV files in it")
    if not stat.S_ISREG(mode):
        raise InputError(f"{path}: not a regular file; copy its content into one")


@contextmanager
def found_file(source: Source, contents: OpenedFiles, encodings: Encodings) -> Iterator[FoundFile]:
    """Opens a file and reads it once. Raises InputError, with the remedy, if it cannot be told how it is written."""
    encoding = Encoding(encodings.given(source.name), is_certain=source.name in encodings.by_source)
    with contents.opened(source, encoding) as (file, name, *_):
        header = _header(source.path, file, is_encoding_given=encoding.name is not None)
        faults = undescribable(header.names)
        names = tuple(name for position, name in enumerate(header.names) if position not in faults)
        place = f"{source.path} line {header.line_count}"
        if not names:
            raise InputError(f"{place}: no column has a name of its own; correct the header")
        if len(names) > MOST_FIELDS:
            raise InputError(
                f"{place}: {len(names):,} columns, and a table has at most {MOST_FIELDS:,}; split the file"
            )
        fields = tuple(Field(name, name) for name in names)
        dataset = replace(source.dataset, fields=fields, fields_match="subset", dialect=Dialect(header.delimiter))
        described = replace(source, dataset=dataset)
        yield FoundFile(
            described,
            FileRows(described, scan(described, file, chunk_rows=None), name, file),
            header.delimiter,
            name,
            names,
            {_column_shown(position, header.names): fault for position, fault in faults.items()},
            encoding.name is not None,
        )


def _header(path: Location, file: IO[bytes], *, is_encoding_given: bool) -> Header:
    """The header; raises InputError if its delimiter or its encoding is open."""
    header = read_header(path, file, Dialect())
    place = f"{path} line {header.line_count}"
    try:
        header.content.decode()
    except UnicodeDecodeError:
        if not is_encoding_given:
            raise InputError(f"{place}: bytes that are not UTF-8; {NAME_THE_ENCODING}") from None
    if b"\0" in header.content and not is_encoding_given:
        raise InputError(
            f"{place}: NUL characters in the header; remove them, or name the encoding if it is UTF-16 without a mark,"
            " such as --encoding utf-16-le"
        )
    for rival in _other_headers(path, file, header):
        if len(rival.names) == len(header.names) > 1:
            raise InputError(
                f"{place}: {header.delimiter!r} and {rival.delimiter!r} make"
                f" {len(header.names)} columns each of the header; put a line sep={header.delimiter} or"
                f" sep={rival.delimiter} above it"
            )
    return header


def _other_headers(path: Location, file: IO[bytes], header: Header) -> Iterator[Header]:
    """The header by the other delimiters by which it can be read."""
    for delimiter in DELIMITERS:
        with suppress(InputError):
            other = read_header(path, file, Dialect(delimiter))
            if other.delimiter != header.delimiter:
                yield other


def _column_shown(position: int, names: tuple[str, ...]) -> str:
    name = names[position].strip()
    return f"column {position + 1} '{name[:60]}'" if name else f"column {position + 1}"
