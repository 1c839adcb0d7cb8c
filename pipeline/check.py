"""Checks files without a database: what would be refused, and which rows would be rejected, in the same words."""

from collections.abc import Iterator
from pathlib import Path

from pipeline.datasets.dataset import Rejected
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
    dataset = source.dataset()
    faults = dataset.checker()
    with Contents() as contents, contents.opened(source, encodings.of(source.name, None)) as (file, *_):
        plan = scan(source, file, chunk_rows=None)
        for chunk in plan.chunks:
            file.seek(chunk.byte_offset)
            text = file.read(chunk.byte_count).decode("utf-8", "surrogateescape")
            rows = SourceRows(text, plan.columns, plan.delimiter, dataset.columns, chunk.first_row, chunk.first_line)
            for row in rows:
                if found := faults(row):
                    yield Rejected(row, tuple(found))


def problems(folder: Path, path: Path, name: str | None, encodings: Encodings) -> Iterator[str]:
    """One line for each bad row of a file, or for what is wrong with it as a whole."""
    try:
        [source] = find_sources(folder, (path,), name)
        for bad in bad_rows(source, encodings):
            yield f"{path} line {bad.row.line}: {'; '.join(map(str, bad.faults))}"
    except InputError as error:
        yield str(error)
