"""The rows of a file, chunk by chunk, as a load would take them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import IO

from pipeline.csv_text.rows import SourceRows
from pipeline.descriptions.header import field_positions
from pipeline.ledger.load import LoadPlan
from producer.files.content import OpenedFiles
from producer.files.encodings import Encodings
from producer.header import log_ignored_columns
from producer.scan import scan
from producer.sources import Source


@dataclass(frozen=True)
class FileRows:
    """An open file after the first pass over it. Iterating reads it again, a chunk of it in memory."""

    source: Source
    plan: LoadPlan
    encoding: str  # that the file is in
    file: IO[bytes]

    @property
    def row_count(self) -> int:
        return sum(chunk.row_count for chunk in self.plan.chunks)

    def __iter__(self) -> Iterator[SourceRows]:
        dataset, columns = self.source.dataset, self.plan.columns
        dialect = replace(dataset.dialect, delimiter=self.plan.delimiter)
        names = [field.name for field in dataset.fields]
        positions = field_positions(dataset, columns, self.source.name)
        for chunk in self.plan.chunks:
            self.file.seek(chunk.byte_offset)
            content = self.file.read(chunk.byte_count)
            yield SourceRows(content, dialect, len(columns), names, positions, chunk.first_row, chunk.first_line)


@contextmanager
def opened(source: Source, contents: OpenedFiles, encodings: Encodings) -> Iterator[FileRows]:
    """The rows of a source; raises InputError if the file is broken as a whole."""
    encoding = encodings.of(source.name, source.dataset.encoding)
    with contents.opened(source, encoding) as (file, name, *_):
        plan = scan(source, file, chunk_rows=None)
        log_ignored_columns(source, plan.columns)
        yield FileRows(source, plan, name, file)
