"""Checks files without a database: what would be refused, and which rows would be rejected, in the same words."""

from collections.abc import Iterator
from pathlib import Path

from pipeline.datasets.dataset import Rejected
from pipeline.errors import InputError
from pipeline.rows import SourceRows
from producer.content import Contents
from producer.encodings import Encodings
from producer.produce import differ
from producer.scan import scan
from producer.sources import Source, find_sources


def sources_in(path: Path, folder: Path, name: str | None) -> list[Source]:
    """The sources of a folder, or the one that a file is, within the data folder `folder` or called `name`.

    Raises SettingsError if the folder holds none, InputError if the file is none.
    """
    return find_sources(path, ()) if path.is_dir() else find_sources(folder, (path,), name)


class Check:
    """Checks files one after the other."""

    def __init__(self, encodings: Encodings) -> None:
        self._encodings = encodings
        self._seen: dict[str, tuple[Source, str]] = {}  # by name: the first file, and its SHA-256

    def problems(self, source: Source) -> Iterator[str]:
        """One line for each bad row of a file, or for what is wrong with it as a whole."""
        try:
            for bad in self.bad_rows(source):
                yield f"{source.path} line {bad.row.line}: {'; '.join(map(str, bad.faults))}"
        except InputError as error:
            yield str(error)

    def bad_rows(self, source: Source) -> Iterator[Rejected]:
        """The rows of a file that break a rule which needs no database, in order, one chunk in memory at a time.

        Raises InputError if the file is broken as a whole, or differs from an earlier one of its name.
        """
        dataset = source.dataset()
        faults = dataset.checker()
        with Contents() as contents, contents.opened(source, self._encodings.of(source.name, None)) as (file, *_):
            plan = scan(source, file, chunk_rows=None)
            first, sha256 = self._seen.setdefault(source.name, (source, plan.sha256))
            if sha256 != plan.sha256:
                raise InputError(differ(first, source))
            for chunk in plan.chunks:
                file.seek(chunk.byte_offset)
                text = file.read(chunk.byte_count).decode("utf-8", "surrogateescape")
                rows = SourceRows(
                    text, plan.columns, plan.delimiter, dataset.columns, chunk.first_row, chunk.first_line
                )
                for row in rows:
                    if found := faults(row):
                        yield Rejected(row, tuple(found))
