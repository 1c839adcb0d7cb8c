"""Compressed content, told by a file's first bytes: gzip, bzip2, xz, zstd, or a ZIP archive with one file in it."""

import bz2
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import IO, Any
from zipfile import BadZipFile, ZipFile, ZipInfo

from backports import zstd

from pipeline.errors import InputError
from pipeline.wording import listed
from producer.files.temporary_copy import BLOCK, temporary_copy

ZIP = "ZIP archive"
KINDS = {
    re.compile(rb"\x1f\x8b\x08"): "gzip stream",
    re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"): "bzip2 stream",
    re.compile(rb"\xfd7zXZ\0"): "xz stream",
    re.compile(rb"\x28\xb5\x2f\xfd"): "zstd stream",
    re.compile(rb"PK(\x03\x04|\x05\x06)"): ZIP,
}
READERS: dict[str, Callable[[IO[bytes]], Any]] = {
    "gzip stream": lambda stream: gzip.GzipFile(fileobj=stream),
    "bzip2 stream": bz2.BZ2File,
    "xz stream": lzma.LZMAFile,
    "zstd stream": zstd.ZstdFile,
}
# What reading raises where compressed bytes are wrong; bzip2 raises an OSError without a number.
BROKEN = (EOFError, zlib.error, lzma.LZMAError, zstd.ZstdError, BadZipFile, gzip.BadGzipFile)
OFFICE_MEMBERS = {"[Content_Types].xml", "mimetype"}  # of a workbook, as Excel or LibreOffice saves it


def compression_of(beginning: bytes) -> str | None:
    """How a file that begins so is compressed, such as: gzip stream."""
    return next((kind for start, kind in KINDS.items() if start.match(beginning)), None)


@contextmanager
def decompressed(kind: str, stream: IO[bytes]) -> Iterator[IO[bytes]]:
    """The content of a stream of this kind, of which a little is in memory at a time.

    A ZIP archive that is not seekable is copied to the disk first. Raises InputError, which does not name the stream,
    if an archive does not hold one file that can be read, or if reading within the block finds the stream broken.
    """
    try:
        if kind != ZIP:
            with READERS[kind](stream) as content:
                yield content
            return
        with (
            stream if stream.seekable() else temporary_copy(iter(lambda: stream.read(BLOCK), b"")) as file,
            ZipFile(file) as archive,
            _opened(archive, _only_member(archive)) as content,
        ):
            yield content
    except (*BROKEN, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # of the disk or the connection
            raise
        raise InputError(f"the {kind} is broken or cut off ({error}); fetch the file again") from error


class Rejoined(io.RawIOBase):
    """A stream of which the beginning was read already."""

    def __init__(self, beginning: bytes, rest: IO[bytes]) -> None:
        self._beginning = io.BytesIO(beginning)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._beginning.read(len(buffer)) or self._rest.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)


def _only_member(archive: ZipFile) -> ZipInfo:
    members = [member for member in archive.infolist() if not member.is_dir() and not _is_hidden(member.filename)]
    if len(members) == 1:
        return members[0]
    names = [member.filename for member in members]
    if OFFICE_MEMBERS.intersection(names):
        raise InputError("not CSV, but an Excel workbook or the like; save its sheet as CSV")
    if not names:
        raise InputError("the ZIP archive holds no file; put the CSV file into it")
    files = f"{len(names):,} files ({listed(names)})"
    raise InputError(f"the ZIP archive holds {files}; unpack it, or archive each by itself")


def _is_hidden(name: str) -> bool:
    """As macOS adds to archives."""
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def _opened(archive: ZipFile, member: ZipInfo) -> IO[bytes]:
    try:
        return archive.open(member)
    except (RuntimeError, NotImplementedError) as error:  # a password, or an unknown method of compression
        raise InputError(f"the ZIP archive cannot be read: {error}; unpack it") from error
