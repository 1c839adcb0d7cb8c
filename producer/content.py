"""The content of a source as a seekable file of UTF-8: it is read twice, whatever it comes from."""

import codecs
import gzip
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from pipeline.errors import InputError, SettingsError

COPY_BLOCK = 1 << 20  # bytes
STANDARD_INPUT = Path("-")


@contextmanager
def opened(path: Path, encoding: str) -> Iterator[IO[bytes]]:
    """The file itself, or a copy on disk of what can be read only once, is compressed, or is not UTF-8.

    Bytes that the encoding does not know stay as they are, so that they are found in their rows.
    Raises InputError if the file cannot be read or a gzip stream is cut off.
    """
    try:
        if path.suffix != ".gz" and path.is_file() and is_utf8(encoding):
            with path.open("rb") as file:
                yield file
        else:
            with tempfile.TemporaryFile(prefix="producer-") as copy:
                _copy(path, encoding, copy)
                copy.seek(0)
                yield copy
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: the gzip stream is broken or cut off ({error}); fetch the file again") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; correct the file or its rights") from error


def is_utf8(encoding: str) -> bool:
    """Whether this names UTF-8, with or without a byte-order mark; raises SettingsError if it names nothing."""
    try:
        return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig", "ascii")
    except LookupError:
        raise SettingsError(f"ENCODING: '{encoding}' is not known; name one such as latin-1 or utf-16") from None


def _copy(path: Path, encoding: str, copy: IO[bytes]) -> None:
    with _source(path) as file:
        if is_utf8(encoding):
            while block := file.read(COPY_BLOCK):
                copy.write(block)
            return
        decoder = codecs.getincrementaldecoder(encoding)("surrogateescape")
        while block := file.read(COPY_BLOCK):
            copy.write(decoder.decode(block).encode("utf-8", "surrogateescape"))
        copy.write(decoder.decode(b"", final=True).encode("utf-8", "surrogateescape"))


def _source(path: Path) -> IO[bytes]:
    if path == STANDARD_INPUT:
        return sys.stdin.buffer
    if path.suffix == ".gz":
        return cast(IO[bytes], gzip.open(path, "rb"))
    return path.open("rb")
