"""A source as the first pass over its file left it: what its content is, and where its chunks are."""

import hashlib
from dataclasses import dataclass
from typing import IO

from pipeline import remedies
from pipeline.descriptions.description import Dataset
from pipeline.descriptions.descriptor import description_digest
from pipeline.errors import InputError
from pipeline.ledger.chunk import ChunkPlan
from pipeline.ledger.load import LoadPlan
from producer.files.encodings import Encoding
from producer.sources import Source


@dataclass(frozen=True)
class Scanned:
    source: Source
    encoding: Encoding  # to read it in again
    sha256: str
    read_as: str  # the encoding that it was read in
    row_count: int
    plan: LoadPlan | None  # None: when the ledger was asked, this was the source's current load

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
    if hashlib.sha256(content).hexdigest() != chunk.sha256:
        raise InputError(f"{version.source.path} changed while it was being read; {remedies.current.produce_again}")
    return content
