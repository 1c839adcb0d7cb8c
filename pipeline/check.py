"""Checks files without a database: what would be refused, and which rows would be rejected, in the same words."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pipeline.columns.column import column
from pipeline.datasets.outcome import Rejected
from pipeline.descriptions.header import field_positions
from pipeline.errors import InputError
from pipeline.rows import SourceRows
from producer.content import Contents
from producer.encodings import Encodings
from producer.scan import scan
from producer.sources import Source, find_sources


def bad_rows(source: Source, encodings: Encodings) -> Iterator[Rejected]:
    """The rows of a file that break a rule which needs no database, in order, one chunk in memory at a time.

    Raises InputError if the file is broken as a whole.
    """
    dataset = source.dataset
    columns = [column(field) for field in dataset.fields]
    with Contents() as contents, contents.opened(source, encodings.of(source.name, None)) as (file, _):
        plan = scan(source, file, chunk_rows=None)
        dialect = replace(dataset.dialect, delimiter=plan.delimiter)
        names = [field.name for field in dataset.fields]
        positions = field_positions(dataset, plan.columns, source.name)
        for chunk in plan.chunks:
            file.seek(chunk.byte_offset)
            text = file.read(chunk.byte_count).decode("utf-8", "surrogateescape")
            rows = SourceRows(text, dialect, len(plan.columns), names, positions, chunk.first_row, chunk.first_line)
            for row in rows:
                fields = zip(columns, row.fields, strict=True) if row.fields else ()
                if faults := [*row.faults, *(fault for each, text in fields for fault in each.check(text)[1])]:
                    yield Rejected(row, tuple(faults))


def problems(folder: Path, path: Path, name: str | None, encodings: Encodings) -> Iterator[str]:
    """One line for each bad row of a file, or for what is wrong with it as a whole."""
    try:
        [source] = find_sources(folder, (path,), name)
        for bad in bad_rows(source, encodings):
            yield f"{path} line {bad.row.line}: {'; '.join(map(str, bad.faults))}"
    except InputError as error:
        yield str(error)
