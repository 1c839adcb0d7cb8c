"""The content of a source, and files that have none that is text."""

import gzip
from pathlib import Path

import pytest

from pipeline.errors import InputError
from producer.files.content import OpenedFiles
from producer.files.encodings import Encoding
from producer.sources import Source
from tests.unit.reading import PEOPLE

HTML = "an HTML page, such as a login page; fetch the CSV file itself"
NOT_CSV = [
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook; save its sheet as CSV"),
    (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n",
        "a Git LFS pointer; fetch the file with `git lfs pull`",
    ),
    (b"<!DOCTYPE html>\n<html><head>", HTML),
    (b'\xef\xbb\xbf\r\n <!doctype HTML PUBLIC "-//W3C//DTD HTML 4.01//EN">', HTML),
    (b'<html xmlns="http://www.w3.org/1999/xhtml">', HTML),
]


def read(path: Path, encoding: Encoding = Encoding(None)) -> bytes:  # noqa: B008 (frozen)
    with OpenedFiles() as contents, contents.opened(Source("people.csv", path, PEOPLE), encoding) as content:
        return content.file.read()


@pytest.mark.parametrize("encoding", [Encoding(None), Encoding("iso8859-1", is_certain=True)], ids=["utf-8", "latin-1"])
@pytest.mark.parametrize(("content", "fault"), NOT_CSV, ids=["xls", "git-lfs", "html", "html4", "xml"])
def test_a_file_that_is_no_csv_is_refused_by_what_it_is(
    content: bytes, fault: str, encoding: Encoding, tmp_path: Path
) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        read(path, encoding)
    assert str(refused.value) == f"{path}: not CSV, but {fault}"


def test_a_workbook_in_a_gzip_stream_is_refused_too(tmp_path: Path) -> None:
    path = tmp_path / "people.csv.gz"
    path.write_bytes(gzip.compress(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"))
    with pytest.raises(InputError, match=r"not CSV, but an Excel workbook"):
        read(path)


@pytest.mark.parametrize("start", [b"version,spec\n", b"<htmlish>,b\n", b"<b>,c\n", b"a,<html>\n"])
def test_a_header_that_only_looks_like_markup_is_read(start: bytes, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(start)
    assert read(path) == start
