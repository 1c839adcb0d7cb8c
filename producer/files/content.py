"""The content of a source as a seekable file of UTF-8: it is read more than once, wherever it comes from."""

import codecs
import hashlib
import io
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple, cast

from pipeline.errors import InputError, TransientError
from pipeline.url import Location, Url
from producer.files.compression import Rejoined, compression_of, decompressed
from producer.files.encodings import Encoding, by_mark
from producer.files.named_pipe import NamedPipe
from producer.files.open_remote import open_remote
from producer.files.remote_file import RemoteFile
from producer.files.temporary_copy import BLOCK, temporary_copy
from producer.sources import STANDARD_INPUT, Source

CONTROL_TO_LINE_END = re.compile("[\x80-\x9f][^\n]*")
LIKELY_ENCODINGS = {"iso8859-1": "cp1252", "iso8859-15": "cp1252"}  # given -> meant, where a text has such characters
LONGEST_MARK = 256  # bytes
# How files begin that are no CSV in any encoding, and what they are, with the remedy.
NOT_CSV = {
    re.compile(rb"\xd0\xcf\x11\xe0"): "an Excel workbook; save its sheet as CSV",
    re.compile(rb"version https://git-lfs\.github\.com/spec/"): "a Git LFS pointer; fetch the file with `git lfs pull`",
    re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype\s+html|html)[\s>]", re.IGNORECASE): "an HTML page, such as a"
    " login page; fetch the CSV file itself",
}


class OpenedFile(NamedTuple):
    file: IO[bytes]  # seekable, at its beginning
    encoding: str  # that the source was in
    control_rows: int = 0  # lines with characters that tell of another encoding, see ControlRows


class OpenedFiles:
    """Opens sources as often as they are read; what can be read only once is copied, and kept until the end."""

    def __init__(self) -> None:
        self.versions: dict[str, str] = {}  # of sources that were read over a network, where the server told one
        self._kept: dict[Location, OpenedFile] = {}
        self._unread: dict[Location, RemoteFile] = {}  # opened already
        self._stack = ExitStack()

    @contextmanager
    def opened(self, source: Source, encoding: Encoding) -> Iterator[OpenedFile]:
        """The file itself, or a copy on disk of what can be read only once, is compressed, or is not UTF-8.

        Bytes that the encoding does not know stay as they are, so that they are found in their rows.
        Raises InputError if the file cannot be read whole or is no text, or is not in the encoding.
        """
        content = self._kept.get(source.path) or self._open(source, encoding)
        content.file.seek(0)
        if not _is_file(source.path):
            self._kept[source.path] = content
            self._stack.callback(content.file.close)
            yield content
        else:
            with content.file:
                yield content

    def has_version(self, source: Source, version: str | None) -> bool:
        """Whether a server says that a file has this version, so that it need not be read."""
        if version is None or not isinstance(source.path, Url):
            return False
        with _errors_of(source.path):
            file = open_remote(source.path)
        if file.version == version:
            file.close()
            return True
        self._unread[source.path] = self._stack.enter_context(file)
        return False

    def _open(self, source: Source, encoding: Encoding) -> OpenedFile:
        path, name = source.path, encoding.name or "utf-8"
        with _errors_of(path), self._stream(source) as stream, ExitStack() as stack:
            beginning = stream.read(LONGEST_MARK)
            if kind := compression_of(beginning):
                stream = stack.enter_context(decompressed(kind, _from_start(path, beginning, stream)))
                beginning = stream.read(LONGEST_MARK)
            _check_is_csv(beginning)
            if not encoding.is_certain:
                name = by_mark(beginning) or name
            if name == "utf-8" and isinstance(path, Path) and _is_file(path) and not kind:
                return OpenedFile(path.open("rb"), name)
            return _copied(_blocks(beginning, stream), source, Encoding(name, encoding.is_certain))

    @contextmanager
    def _stream(self, source: Source) -> Iterator[IO[bytes]]:
        path = source.path
        if isinstance(path, Url):
            remote = self._unread.pop(path, None) or open_remote(path)
            with io.BufferedReader(remote, BLOCK) as file:
                yield cast(IO[bytes], file)
            if remote.version:
                self.versions[source.name] = remote.version
        elif path == STANDARD_INPUT:
            yield sys.stdin.buffer
        else:
            with io.BufferedReader(NamedPipe(path)) if path.is_fifo() else path.open("rb") as file:
                yield cast(IO[bytes], file)

    def __enter__(self) -> "OpenedFiles":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()


def fingerprint(file: IO[bytes]) -> str:
    """The SHA-256 of the whole file, in hexadecimal digits."""
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


@contextmanager
def _errors_of(path: Location) -> Iterator[None]:
    """Has an InputError name the file."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except TransientError as error:
        raise InputError(f"{error}; try again later") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; correct the file or its rights") from error


def _is_file(path: Location) -> bool:
    """Whether it can be read more than once."""
    return isinstance(path, Path) and path != STANDARD_INPUT and path.is_file()


def _check_is_csv(beginning: bytes) -> None:
    if kind := compression_of(beginning):
        raise InputError(f"a {kind} within another; decompress it once")
    if found := next((kind for start, kind in NOT_CSV.items() if start.match(beginning)), None):
        raise InputError(f"not CSV, but {found}")


def _copied(blocks: Iterator[bytes], source: Source, encoding: Encoding) -> OpenedFile:
    name = encoding.name or "utf-8"
    control_rows = ControlRows()
    if name != "utf-8":
        blocks = blocks if encoding.is_certain else _not_utf8(blocks, source, name)
        texts = _decoded(blocks, name)
        texts = control_rows.counting(texts) if name in LIKELY_ENCODINGS else texts
        blocks = (text.encode("utf-8", "surrogateescape") for text in texts)
    try:
        return OpenedFile(temporary_copy(blocks), name, control_rows.count)
    except UnicodeError as error:
        raise InputError(f"not in the encoding {name} ({error}); name another with --encoding") from error


def _from_start(path: Location, beginning: bytes, stream: IO[bytes]) -> IO[bytes]:
    """The whole of a stream of which the beginning was read."""
    if _is_file(path):
        stream.seek(0)
        return stream
    return cast(IO[bytes], io.BufferedReader(Rejoined(beginning, stream)))


def _blocks(beginning: bytes, rest: IO[bytes]) -> Iterator[bytes]:
    yield beginning
    yield from iter(lambda: rest.read(BLOCK), b"")


def _decoded(blocks: Iterator[bytes], encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)("surrogateescape")
    for block in blocks:
        yield decoder.decode(block)
    yield decoder.decode(b"", final=True)


class ControlRows:
    """Counts lines with control characters of ISO 8859. No text has them: cp1252 has quotes and the euro sign there."""

    def __init__(self) -> None:
        self.count = 0

    def counting(self, texts: Iterator[str]) -> Iterator[str]:
        """The same texts, which together are a file."""
        line_counts = False  # whether the line that goes on in the next text is counted
        for text in texts:
            starts = [found.start() for found in CONTROL_TO_LINE_END.finditer(text)]
            self.count += len(starts)
            if starts:
                self.count -= line_counts and "\n" not in text[: starts[0]]
                line_counts = "\n" not in text[starts[-1] :]
            else:
                line_counts = line_counts and "\n" not in text
            yield text


def _not_utf8(blocks: Iterator[bytes], source: Source, encoding: str) -> Iterator[bytes]:
    """The same blocks; raises InputError at their end if they are UTF-8, with more than ASCII in it.

    An encoding for all files, or from an earlier version of the file, would make other characters of each.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_utf8, is_ascii = True, True
    for block in blocks:
        is_ascii = is_ascii and block.isascii()
        if is_utf8:
            try:
                decoder.decode(block)
            except UnicodeDecodeError:
                is_utf8 = False
        yield block
    if is_utf8 and not is_ascii and not decoder.getstate()[0]:
        raise InputError(
            f"the file is UTF-8, and would be read as {encoding}; give the encoding of single files by their names:"
            f" --encoding {source.name}=utf-8, or {source.name}={encoding} if it is not UTF-8"
        )
