"""Rows as first pass and worker find them; however they are taken, they are the same rows."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest import mock

from pipeline.csv_text import rows as rows_module
from pipeline.csv_text.dialect import Dialect
from pipeline.csv_text.rows import SourceRow, SourceRows
from pipeline.descriptions.description import Dataset, Field
from pipeline.descriptions.header import field_positions
from pipeline.descriptions.package import OWN_PACKAGE, read_package
from producer.scan import scan
from producer.sources import Source
from tests.shared import memory

PEOPLE = next(dataset for dataset in read_package(OWN_PACKAGE).datasets if dataset.name == "people")


def letters(width: int, dialect: Dialect = PEOPLE.dialect) -> Dataset:
    """A dataset of so many texts, none of which breaks a rule but by its form."""
    fields = tuple(Field(name, name) for name in "abcd"[:width])
    return Dataset("people", "people", ("people.csv",), fields, fields_match="subset", dialect=dialect)


@contextmanager
def source_of(content: bytes, dataset: Dataset) -> Iterator[Source]:
    with tempfile.TemporaryDirectory(dir=memory()) as folder:
        path = Path(folder) / "people.csv"
        path.write_bytes(content)
        yield Source("people.csv", path, dataset)


def rows_of(content: bytes, chunk_rows: int, dataset: Dataset = PEOPLE) -> list[SourceRow]:
    """The rows, as first pass and worker find them chunk by chunk."""
    rows = []
    with source_of(content, dataset) as source, Path(str(source.path)).open("rb") as file:
        plan = scan(source, file, chunk_rows)
        columns, resolved = [field.name for field in dataset.fields], replace(dataset.dialect, delimiter=plan.delimiter)
        positions = field_positions(dataset, plan.columns, plan.source)
        for chunk in plan.chunks:
            part = content[chunk.byte_offset : chunk.byte_offset + chunk.byte_count]
            position = (chunk.first_row, chunk.first_line)
            read = SourceRows(part, resolved, len(plan.columns), columns, positions, *position)
            found = list(read)
            check_columns(read, found)
            check_blocks(read, found)
            assert len(found) == chunk.row_count
            rows += found
    return rows


def check_columns(read: SourceRows, found: list[SourceRow]) -> None:
    """All rows at once, where they can be had, are the rows that come one by one, those of bad form without fields."""
    columns = read.columns()
    if columns is not None:
        empty = ("",) * len(columns)
        assert [read.row(number) for number in range(len(found))] == found
        assert list(zip(*columns, strict=True)) == [empty if row.faults else row.fields for row in found]


def check_blocks(read: SourceRows, found: list[SourceRow]) -> None:
    """However many lines are taken at once, it is the same rows."""
    for lines in (1, 2, 1_000):
        with mock.patch.object(rows_module, "BLOCK_LINES", lines):
            blocks = list(read.blocks())
        assert [row for block, _ in blocks for row in block] == found
        for block, columns in blocks:
            assert columns == block.columns()
            check_columns(block, list(block))
