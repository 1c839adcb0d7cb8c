"""The first bytes of a file say how it is compressed, not its name."""

import bz2
import gzip
import io
import lzma
import os
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from backports import zstd

from pipeline.descriptions.matching import without_compression
from pipeline.errors import InputError
from producer.files.content import OpenedFiles
from producer.files.encodings import Encoding
from producer.sources import Source
from tests.support import run_measured
from tests.unit.reading import PEOPLE

CSV = b"given_name,family_name,date_of_birth,place_of_birth\nJean,Kerr,1901-02-03,Ayr\n"


def zipped(*members: tuple[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with ZipFile(archive, "w", ZIP_DEFLATED) as file:
        for name, content in members:
            file.writestr(name, content)
    return archive.getvalue()


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip stream": gzip.compress,
    "bzip2 stream": bz2.compress,
    "xz stream": lzma.compress,
    "zstd stream": zstd.compress,
    "ZIP archive": lambda content: zipped(("folder/people.csv", content), ("__MACOSX/._people.csv", b"\0")),
}
WRITERS: dict[str, Callable[[IO[bytes]], Any]] = {
    "gzip stream": lambda file: gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1),
    "bzip2 stream": lambda file: bz2.BZ2File(file, "wb"),
    "xz stream": lambda file: lzma.LZMAFile(file, "wb", preset=1),  # noqa: SIM115 (the test closes it)
    "zstd stream": lambda file: zstd.ZstdFile(file, "wb"),
    "ZIP archive": lambda file: ZipFile(file, "w", ZIP_DEFLATED, compresslevel=1),
}
every_kind = pytest.mark.parametrize("kind", COMPRESS)


def read(path: Path, encoding: Encoding = Encoding(None)) -> bytes:  # noqa: B008 (frozen)
    with OpenedFiles() as contents, contents.opened(Source("people.csv", path, PEOPLE), encoding) as content:
        return content.file.read()


@every_kind
@pytest.mark.parametrize("name", ["people.csv", "people.csv.gz", "people.csv.zip"])
def test_a_compressed_file_is_read_under_each_name(kind: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(COMPRESS[kind](CSV))
    assert read(path) == CSV


@every_kind
def test_a_compressed_file_in_another_encoding_is_read(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(COMPRESS[kind]("Siân\n".encode("utf-16")))
    assert read(path).decode() == "Siân\n"


@every_kind
def test_a_compressed_file_is_read_from_a_named_pipe_whose_writer_is_slow(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    os.mkfifo(path)
    content = COMPRESS[kind](CSV)

    def write() -> None:
        with path.open("wb", buffering=0) as pipe:
            for start in range(len(content)):
                pipe.write(content[start : start + 1])

    writer = threading.Thread(target=write)
    writer.start()
    assert read(path) == CSV
    writer.join()


@pytest.mark.parametrize("kind", ["gzip stream", "bzip2 stream", "xz stream", "zstd stream"])
def test_streams_one_after_another_are_one_file(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(COMPRESS[kind](CSV) + COMPRESS[kind](b"Tadhg,Kerr,1901-02-03,Cork\n"))
    assert read(path) == CSV + b"Tadhg,Kerr,1901-02-03,Cork\n"


@every_kind
def test_a_compressed_file_that_is_cut_off_or_damaged_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    whole = COMPRESS[kind](os.urandom(300_000))
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0xFF
    for part in (whole[:-4], whole[: len(whole) // 2], bytes(damaged)):
        path.write_bytes(part)
        if kind == "zstd stream" and part == bytes(damaged):
            continue  # its writer adds no checksum by default
        with pytest.raises(InputError, match=rf": the {kind} is broken or cut off \(.+\); fetch the file again$"):
            read(path)


def test_a_file_that_is_compressed_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "people.csv.zip"
    path.write_bytes(zipped(("people.csv.gz", gzip.compress(CSV))))
    with pytest.raises(InputError, match=r"people.csv.zip: a gzip stream within another; decompress it once$"):
        read(path)


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        (["a.csv", "b.csv"], "the ZIP archive holds 2 files (a.csv; b.csv); unpack it, or archive each by itself"),
        ([], "the ZIP archive holds no file; put the CSV file into it"),
        (
            ["[Content_Types].xml", "_rels/.rels", "xl/workbook.xml"],
            "not CSV, but an Excel workbook or the like; save its sheet as CSV",
        ),
    ],
    ids=["several", "none", "workbook"],
)
def test_an_archive_that_does_not_hold_one_file_is_refused(members: list[str], fault: str, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(zipped(*((member, CSV) for member in members)))
    with pytest.raises(InputError) as refused:
        read(path)
    assert str(refused.value) == f"{path}: {fault}"


def test_an_archive_with_a_password_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "people.csv.zip"
    content = bytearray(zipped(("people.csv", CSV)))
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(header) + flags] |= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"the ZIP archive cannot be read: .* encrypted.*; unpack it$"):
        read(path)


READ_AND_MEASURE = """
import os, resource, sys
from pathlib import Path
from producer.files.content import OpenedFiles
from producer.files.encodings import Encoding
from producer.sources import Source
from tests.unit.reading import PEOPLE
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    source = Source("people.csv", Path(path), PEOPLE)
    with OpenedFiles() as contents, contents.opened(source, Encoding(None)) as content:
        size = content.file.seek(0, os.SEEK_END)
    print(size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_small_files_that_become_large_ones_take_no_memory(tmp_path: Path) -> None:
    """One process reads a file of each kind: a new Python for each would take most of the time."""
    for kind, compressed in WRITERS.items():
        path = tmp_path / kind
        with path.open("wb") as file, ExitStack() as stack:
            writer = stack.enter_context(compressed(file))
            writer = stack.enter_context(writer.open("people.csv", "w")) if isinstance(writer, ZipFile) else writer
            for _ in range(40):
                writer.write(bytes(1 << 20))
        assert path.stat().st_size < 1 << 20, kind
    paths = [str(tmp_path / kind) for kind in WRITERS]
    *measured, _ = run_measured([sys.executable, "-c", READ_AND_MEASURE, *paths], os.environ)
    for kind, line in zip(WRITERS, measured, strict=True):
        size, growth = map(int, line.split())
        assert size == 40 << 20, kind
        assert growth < 20 << 10, kind  # KiB, of all kinds until then


def test_a_name_is_that_of_the_file_within() -> None:
    names = ["people.csv", "people.csv.gz", "PEOPLE.CSV.BZ2", "people.csv.xz", "people.csv.zst", "people.csv.zip"]
    assert {without_compression(name).lower() for name in names} == {"people.csv"}
