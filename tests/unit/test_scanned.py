"""When a chunk that is read again is hashed again."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest

from pipeline.errors import InputError
from producer import scanned as module
from producer.files.encodings import Encoding
from producer.scan import scan
from producer.scanned import Scanned, bytes_of, stamp_of
from producer.sources import Source
from tests.support import wait_until
from tests.unit.reading import letters

CONTENT = b"a,b\n1,2\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_bytes(CONTENT)
    return path


def first_pass(path: Path) -> Scanned:
    source = Source("people.csv", path, letters(2))
    with path.open("rb") as file:
        stamp = stamp_of(file)
        plan = scan(source, file, None)
    return Scanned(source, Encoding("utf-8", is_certain=True), plan.sha256, "utf-8", 1, plan, stamp)


def read_again(version: Scanned) -> bytes:
    assert version.plan
    with Path(str(version.source.path)).open("rb") as file:
        return bytes_of(version, file, version.plan.chunks[0])


def rewrite(path: Path) -> None:
    path.write_bytes(CONTENT.replace(b"1", b"3"))


def replace(path: Path) -> None:
    other = path.with_suffix(".new")
    rewrite(other)
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)


def rewrite_and_set_times(path: Path) -> None:
    before = path.stat()
    rewrite(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("change", [rewrite, replace, rewrite_and_set_times])
@pytest.mark.parametrize("settled", [0, module.SETTLED])
def test_a_file_that_has_changed_is_noticed(
    path: Path, change: Callable[[Path], None], settled: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SETTLED", settled)
    version = first_pass(path)
    before = path.stat().st_ctime_ns

    def is_changed() -> bool:
        change(path)
        return path.stat().st_ctime_ns != before  # the clock of a file system may tick each 4 ms only

    wait_until(is_changed)
    with pytest.raises(InputError, match="changed while it was being read"):
        read_again(version)


def test_a_file_that_has_not_changed_for_a_while_is_not_hashed_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SETTLED", 0)
    version = first_pass(path)
    with mock.patch.object(hashlib, "sha256", side_effect=AssertionError):
        assert read_again(version) == b"1,2\n"


def test_a_file_that_has_changed_just_now_is_hashed_again(path: Path) -> None:
    assert first_pass(path).stamp is None
