"""The scan of a file: its fingerprint, its header, and the plan of its chunks. Reads each byte once."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import IO

from pipeline.csv_text.records import BrokenRecordError
from pipeline.errors import InputError
from pipeline.ledger.chunk import ChunkPlan
from pipeline.ledger.load import LoadPlan
from producer.chunk_limits import chunk_limits
from producer.cutting import Cut, cuts
from producer.header import source_header
from producer.sources import Source

HASHED_AHEAD = 2  # chunks that wait for their hash while the next one is cut


def scan(source: Source, file: IO[bytes], chunk_rows: int | None) -> LoadPlan:
    """Plans the load of a file. `chunk_rows` None: CHUNK_ROWS, or fewer if the file is small.

    Raises InputError, naming file, line and remedy, if the file is broken as a whole: empty, a required
    column missing or doubled, a quote that never closes, a row that is too long.
    """
    file.seek(0)
    header = source_header(source, file, source.dataset.dialect)
    dialect = replace(source.dataset.dialect, delimiter=header.delimiter)
    fingerprint = hashlib.sha256(header.content)
    chunks: list[ChunkPlan] = []
    first_row, first_line, offset = 1, 1 + header.line_count, len(header.content)
    try:
        found = cuts(file, dialect, len(header.columns), first_line, chunk_limits(file, chunk_rows))
        for cut, sha256 in _hashed(found, fingerprint.update):
            size = len(cut.content)
            place = (len(chunks) + 1, first_row, cut.row_count, first_line, offset, size)
            chunks.append(ChunkPlan(*place, sha256, cut.row_lines))
            first_row, first_line, offset = first_row + cut.row_count, first_line + cut.line_count, offset + size
    except BrokenRecordError as error:
        raise InputError(f"{source.path} line {error.line}: {error.fault}; correct the file") from error
    return LoadPlan(
        source.name, source.dataset.name, fingerprint.hexdigest(), header.columns, header.delimiter, tuple(chunks)
    )


def _hashed(found: Iterator[Cut], update: Callable[[bytes], None]) -> Iterator[tuple[Cut, str]]:
    """Each with its SHA-256, after `update` has got its content: by a thread, while the next ones are cut."""

    def hashed(cut: Cut) -> tuple[Cut, str]:
        update(cut.content)
        return cut, hashlib.sha256(cut.content).hexdigest()

    waiting: deque[Future[tuple[Cut, str]]] = deque()
    last = next(found)  # needs no thread: most files have no other
    with ThreadPoolExecutor(1) as thread:
        for cut in found:
            waiting.append(thread.submit(hashed, last))
            last = cut
            if len(waiting) > HASHED_AHEAD:
                yield waiting.popleft().result()
        for future in waiting:
            yield future.result()
    yield hashed(last)
