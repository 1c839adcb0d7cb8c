"""A source as the first pass over its file left it: what its content is, and where its chunks are."""

import hashlib
import os
import time
from dataclasses import dataclass
from typing import IO, NamedTuple

from pipeline import remedies
from pipeline.descriptions.description import Dataset
from pipeline.descriptions.descriptor import description_digest
from pipeline.errors import InputError
from pipeline.ledger.chunk import ChunkPlan
from pipeline.ledger.load import LoadPlan
from producer.files.encodings import Encoding
from producer.sources import Source

SETTLED = 3.0  # seconds since a file changed; a file system may keep times of 2 s


class Stamp(NamedTuple):
    """What a file keeps as long as it does not change."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


def stamp_of(file: IO[bytes]) -> Stamp | None:
    """None if the file has changed just now: another change might leave it the same stamp."""
    found = os.fstat(file.fileno())
    if time.time() - max(found.st_mtime, found.st_ctime) < SETTLED:
        return None
    return Stamp(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


@dataclass(frozen=True)
class Scanned:
    source: Source
    encoding: Encoding  # to read it in again
    sha256: str
    read_as: str  # the encoding that it was read in
    row_count: int
    plan: LoadPlan | None  # None: when the ledger was asked, this was the source's current load
    stamp: Stamp | None = None  # of the file before it was read

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def dataset(self) -> Dataset:
        return self.source.dataset

    @property
    def description_sha256(self) -> str:
        return description_digest(self.dataset)


def text_of(version: Scanned, file: IO[bytes], chunk: ChunkPlan) -> str:
    """The text of a chunk; bytes that are not UTF-8 as PEP 383. Raises InputError as `bytes_of` does."""
    return bytes_of(version, file, chunk).decode("utf-8", "surrogateescape")


def bytes_of(version: Scanned, file: IO[bytes], chunk: ChunkPlan) -> bytes:
    """The bytes of a chunk, read where the plan says they are.

    Raises InputError if they are no longer what was planned.
    """
    file.seek(chunk.byte_offset)
    content = file.read(chunk.byte_count)
    is_same_file = version.stamp is not None and stamp_of(file) == version.stamp
    if not is_same_file and hashlib.sha256(content).hexdigest() != chunk.sha256:
        raise InputError(f"{version.source.path} changed while it was being read; {remedies.current.produce_again}")
    return content
