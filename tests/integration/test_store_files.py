"""Files in an S3 store, of a server that runs."""

import hashlib
import importlib
import random
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline import PROJECT, waiting
from pipeline.errors import DrainTimeoutError, InputError
from pipeline.url import Url
from producer.files import store_file
from producer.files.content import OpenedFiles
from producer.files.encodings import Encoding
from producer.files.store_file import StoreFile
from producer.sources import Source, find_sources
from tests.cutting_proxy import Proxy, proxy_to
from tests.s3_server import KEYS, s3_client, serving_s3
from tests.unit.reading import PEOPLE

pytestmark = pytest.mark.xdist_group("s3")
CONTENT = random.Random(7).randbytes(1 << 20).hex().encode()  # as much as takes several requests


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving_s3() as url:
        yield url


@pytest.fixture
def s3(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client; the bucket is called files."""
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": server}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(waiting, "PAUSES", (0.01,))
    monkeypatch.setattr(store_file, "BLOCK", 1 << 18)
    client = s3_client(server)
    client.create_bucket(Bucket="files")
    yield client
    for version in client.list_object_versions(Bucket="files").get("Versions", ()):
        client.delete_object(Bucket="files", Key=version["Key"], VersionId=version["VersionId"])
    client.delete_bucket(Bucket="files")


def source(url: str) -> Source:
    return Source("people.csv", Url(url), PEOPLE)


def read(url: str) -> tuple[bytes, str | None]:
    """The content, and what the store told of its version."""
    with OpenedFiles() as contents, contents.opened(source(url), Encoding(None)) as content:
        return content.file.read(), contents.versions.get("people.csv")


def test_a_file_is_read_whole(s3: Any) -> None:
    s3.put_object(Bucket="files", Key="2024/people.csv", Body=CONTENT)
    assert read("s3://files/2024/people.csv") == (CONTENT, None)


def test_an_empty_file_is_empty(s3: Any) -> None:
    s3.put_object(Bucket="files", Key="people.csv", Body=b"")
    assert read("s3://files/people.csv") == (b"", None)


def test_a_pattern_names_the_files_that_the_store_has(s3: Any) -> None:
    for key in ("2024/people-2.csv", "2024/people-1.csv.gz", "2024/notes.txt", "people-3.csv", "2024/old/people-4.csv"):
        s3.put_object(Bucket="files", Key=key, Body=b"x")
    found = find_sources(Path("none"), (Url("s3://files/2024/people-*"),))
    assert [(each.name, str(each.path)) for each in found] == [
        ("people-1.csv", "s3://files/2024/people-1.csv.gz"),
        ("people-2.csv", "s3://files/2024/people-2.csv"),
    ]
    with pytest.raises(InputError, match=r"^s3://files/2025/\*.csv: no file has such a name; correct the pattern$"):
        find_sources(Path("none"), (Url("s3://files/2025/*.csv"),))


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize("url", ["s3://files/people.csv", "s3://nowhere/people.csv"])
def test_a_missing_file_is_named(url: str) -> None:
    with pytest.raises(InputError, match=rf"^{url}: no such file; correct the URL$"):
        read(url)


def test_a_file_that_changes_meanwhile_is_refused(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    s3.put_object(Bucket="files", Key="people.csv", Body=CONTENT)
    original = StoreFile.read_some
    changes = iter([bytes(len(CONTENT))])

    def read_some(self: StoreFile, size: int) -> bytes:
        if self.position >= len(CONTENT) // 2:
            for other in changes:
                s3.put_object(Bucket="files", Key="people.csv", Body=other)
        return original(self, size)

    monkeypatch.setattr(StoreFile, "read_some", read_some)
    with pytest.raises(InputError, match=r"^s3://files/people.csv: changed while it was being read; run the producer"):
        read("s3://files/people.csv")


@pytest.fixture
def proxy(s3: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Between the store and its reader; people.csv is in the store."""
    s3.put_object(Bucket="files", Key="people.csv", Body=CONTENT)
    with proxy_to(int(s3.meta.endpoint_url.rpartition(":")[2])) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{proxy.port}")
        yield proxy


def test_broken_connections_go_on_where_they_broke(proxy: Proxy) -> None:
    proxy.passes = lambda number: 900_000 if number < 4 else None
    assert read("s3://files/people.csv") == (CONTENT, None)
    assert proxy.connections > 4


@pytest.mark.parametrize("passed", [0, 900_000])
def test_a_store_that_stalls_ends_the_wait_at_the_limit(
    proxy: Proxy, passed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_limit", 2.0)
    proxy.passes = lambda _: passed
    proxy.stalls = True
    importlib.import_module("s3fs")  # takes seconds on a busy machine
    start = time.monotonic()
    with pytest.raises(DrainTimeoutError, match=r"^DRAIN_TIMEOUT: .*s3://files/people.csv"):
        read("s3://files/people.csv")
    assert time.monotonic() - start < 6


def test_a_store_that_is_away_is_asked_again(proxy: Proxy) -> None:
    proxy.passes = lambda number: 0 if number < 9 else None
    assert read("s3://files/people.csv") == (CONTENT, None)


def test_the_version_in_a_bucket_that_keeps_versions_is_recognised(s3: Any) -> None:
    s3.put_bucket_versioning(Bucket="files", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="files", Key="people.csv", Body=b"a")
    _, version = read("s3://files/people.csv")
    assert version
    with OpenedFiles() as contents:
        assert contents.has_version(source("s3://files/people.csv"), version)
        s3.put_object(Bucket="files", Key="people.csv", Body=b"a")
        assert not contents.has_version(source("s3://files/people.csv"), version)


def test_a_checksum_that_the_store_keeps_is_recognised(s3: Any) -> None:
    checksum = b64encode(hashlib.sha256(b"a").digest()).decode()
    put = {"Bucket": "files", "Key": "people.csv", "Body": b"a"}
    s3.put_object(**put, ChecksumAlgorithm="SHA256", ChecksumSHA256=checksum)
    _, version = read("s3://files/people.csv")
    assert version
    s3.put_object(**put, ChecksumAlgorithm="SHA256", ChecksumSHA256=checksum)
    assert read("s3://files/people.csv") == (b"a", version)


# Each URL without a package that it needs, in one new Python: this one has read them all.
READ_WITHOUT_PACKAGES = """
import sys
from pipeline.errors import PipelineError
from pipeline.url import Url
from producer.files.content import OpenedFiles
from producer.files.encodings import Encoding
from producer.sources import Source
from tests.unit.reading import PEOPLE

for url, package in zip(sys.argv[1::2], sys.argv[2::2]):
    sys.modules[package] = None
    source = Source("people.csv", Url(url), PEOPLE)
    try:
        with OpenedFiles() as contents, contents.opened(source, Encoding(None)):
            pass
    except PipelineError as error:
        print(error)
    del sys.modules[package]
"""


def test_a_missing_extra_is_named() -> None:
    cases = [
        ("sftp://localhost/people.csv", "fsspec", "sftp"),  # first, while fsspec has not been read
        ("sftp://user:secret@localhost/people.csv", "paramiko", "sftp"),
        ("s3://files/people.csv", "s3fs", "s3"),
        ("gs://files/people.csv", "gcsfs", "gcs"),
    ]
    arguments = [word for url, package, _ in cases for word in (url, package)]
    command = [sys.executable, "-c", READ_WITHOUT_PACKAGES, *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT)
    assert ended.stdout.splitlines() == [
        f"{url.replace('user:secret@', '')}: {url.partition(':')[0]}:// needs more packages;"
        f" install the extra, in a checkout with: .venv/bin/pip install -e '.[{extra}]'"
        for url, _, extra in cases
    ]
