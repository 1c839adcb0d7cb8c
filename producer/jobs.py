"""The chunks that are to be queued, read one at a time, and the jobs that they travel in."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipeline.ledger.chunk import MissingChunk
from pipeline.ledger.sealing import Load
from producer.chunk_limits import CHUNK_BYTES, SMALLEST_CHUNK
from producer.files.content import OpenedFiles
from producer.scanned import Scanned, text_of

GROUP_CHUNKS = 100  # that share one job at most, each of fewer than SMALLEST_CHUNK rows
GROUP_BYTES = CHUNK_BYTES // 2  # with the chunk that exceeds it, a group is as large as a chunk at most


@dataclass(frozen=True)
class Member:
    """A chunk that is to be queued, with its text."""

    dataset: str
    chunk: MissingChunk
    text: str
    is_whole_file: bool

    @property
    def is_small(self) -> bool:
        """Whether a job for the chunk alone would cost more than its rows."""
        plan = self.chunk.plan
        return self.is_whole_file and plan.row_count < SMALLEST_CHUNK and plan.byte_count < CHUNK_BYTES // 8


@dataclass(frozen=True)
class Job:
    """Chunks that travel together, each with its text."""

    dataset: str
    chunks: list[tuple[MissingChunk, str]]


def members(
    versions: list[Scanned],
    loads: list[tuple[str, Load]],
    to_queue: dict[str, list[MissingChunk]],
    contents: OpenedFiles,
) -> Iterator[Member]:
    """The last pass over the files: the chunks that are to be queued, read one at a time."""
    for version, (name, load) in zip(versions, loads, strict=True):
        if chunks := to_queue[name]:
            with contents.opened(version.source, version.encoding) as content:
                for chunk in chunks:
                    text = text_of(version, content.file, chunk.plan)
                    yield Member(version.dataset.name, chunk, text, chunk.plan.row_count == load.row_count)


def jobs(members: Iterable[Member]) -> Iterator[Job]:
    """Each chunk in a job of its own, but small ones of a dataset in groups, before any chunk of the next dataset."""
    group: list[Member] = []
    for member in members:
        if group and (member.dataset != group[0].dataset or _is_full(group)):
            yield _job(group)
            group = []
        if member.is_small:
            group.append(member)
        else:
            yield _job([member])
    if group:
        yield _job(group)


def _is_full(group: list[Member]) -> bool:
    return len(group) == GROUP_CHUNKS or sum(member.chunk.plan.byte_count for member in group) > GROUP_BYTES


def _job(members: list[Member]) -> Job:
    return Job(members[0].dataset, [(member.chunk, member.text) for member in members])
