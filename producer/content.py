"""The content of a source as a seekable file of UTF-8: it is read more than once, whatever it comes from."""

import codecs
import contextlib
import gzip
import hashlib
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from pipeline.errors import InputError, SettingsError

BLOCK = 1 << 20  # bytes read at a time
STANDARD_INPUT = Path("-")


@contextlib.contextmanager
def opened(path: Path, encoding: str) -> Iterator[IO[bytes]]:
    """The file itself, or a copy on disk of what can be read only once, is compressed, or is not UTF-8.

    Bytes that the encoding does not know stay as they are, so that they are found in their rows.
    Raises InputError if the file cannot be read, a gzip stream is cut off, or the whole is not in the encoding.
    """
    with _open(path, encoding) as file:
        yield file


def _open(path: Path, encoding: str) -> IO[bytes]:
    try:
        if path.suffix != ".gz" and path.is_file() and is_utf8(encoding):
            return path.open("rb")
        return _copy(path, encoding)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: the gzip stream is broken or cut off ({error}); fetch the file again") from error
    except UnicodeError as error:
        raise InputError(f"{path}: not in the encoding {encoding} ({error}); name another with --encoding") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; correct the file or its rights") from error


def fingerprint(file: IO[bytes]) -> str:
    """The SHA-256 of the whole file, in hexadecimal digits."""
    file.seek(0)
    sha256 = hashlib.sha256()
    while block := file.read(BLOCK):
        sha256.update(block)
    return sha256.hexdigest()


def is_utf8(encoding: str) -> bool:
    """Whether this names UTF-8, with or without a byte-order mark; raises SettingsError if it names no encoding."""
    try:
        codec = codecs.lookup(encoding)
        with contextlib.suppress(UnicodeError):
            b"x".decode(encoding)  # refuses codecs that are not for text
    except (LookupError, UnicodeEncodeError):
        raise SettingsError(f"ENCODING: '{encoding}' is not known; name one such as latin-1 or utf-16") from None
    return codec.name in ("utf-8", "utf-8-sig", "ascii")


def _copy(path: Path, encoding: str) -> IO[bytes]:
    """A copy of the content as UTF-8, in a file that is gone when it is closed."""
    copy = tempfile.TemporaryFile(prefix="producer-")  # noqa: SIM115 (the caller closes it)
    try:
        with _source(path) as file:
            blocks = iter(lambda: file.read(BLOCK), b"")
            copy.writelines(blocks if is_utf8(encoding) else _as_utf8(blocks, encoding))
        copy.seek(0)
    except BaseException:
        copy.close()
        raise
    return copy


def _as_utf8(blocks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("surrogateescape")
    for block in blocks:
        yield decoder.decode(block).encode("utf-8", "surrogateescape")
    yield decoder.decode(b"", final=True).encode("utf-8", "surrogateescape")


def _source(path: Path) -> IO[bytes]:
    if path == STANDARD_INPUT:
        return sys.stdin.buffer
    if path.suffix == ".gz":
        return cast(IO[bytes], gzip.open(path, "rb"))
    return path.open("rb")
