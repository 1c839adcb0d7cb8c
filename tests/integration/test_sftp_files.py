"""Files of an SFTP server."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import waiting
from pipeline.errors import DrainTimeoutError, InputError
from pipeline.url import Url
from producer.files import known_hosts
from producer.files.content import OpenedFiles
from producer.files.encodings import Encoding
from producer.sources import Source, find_sources
from tests.cutting_proxy import proxy_to
from tests.sftp_server import serving_sftp
from tests.unit.reading import PEOPLE

CONTENT = random.Random(7).randbytes(300_000).hex().encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "people.csv").write_bytes(CONTENT)
    (folder / "people-2.csv").write_bytes(b"")
    (folder / "notes.txt").write_bytes(b"")
    return folder


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the keys that are trusted; no password or key is taken from elsewhere."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setattr(known_hosts, "FILES", (tmp_path / "known_hosts",))
    monkeypatch.setattr(waiting, "PAUSES", (0.01,))
    return tmp_path / "known_hosts"


@pytest.fixture
def port(folder: Path, known: Path) -> Iterator[int]:
    with serving_sftp(folder) as (port, line):
        known.write_text(line)
        yield port


def read(port: int, name: str = "people.csv", password: str = "p%40ss") -> bytes:
    source = Source("people.csv", Url(f"sftp://user:{password}@127.0.0.1:{port}/{name}"), PEOPLE)
    with OpenedFiles() as contents, contents.opened(source, Encoding(None)) as content:
        return content.file.read()


def test_a_file_is_read_whole(port: int) -> None:
    assert read(port) == CONTENT
    assert read(port, "people-2.csv") == b""


def test_a_pattern_names_the_files_of_the_folder(port: int) -> None:
    found = find_sources(Path("none"), (Url(f"sftp://user:p%40ss@127.0.0.1:{port}/*.csv"),))
    assert [(each.name, str(each.path)) for each in found] == [
        ("people-2.csv", f"sftp://127.0.0.1:{port}/people-2.csv"),
        ("people.csv", f"sftp://127.0.0.1:{port}/people.csv"),
    ]


def test_a_missing_file_and_a_wrong_password_are_named(port: int) -> None:
    with pytest.raises(InputError, match=rf"^sftp://127.0.0.1:{port}/none.csv: no such file; correct the URL$"):
        read(port, "none.csv")
    with pytest.raises(InputError, match=r"people.csv: the store refuses access \(Authentication failed"):
        read(port, password="wrong")


def test_a_login_without_key_and_password_is_tried_once(port: int) -> None:
    source = Source("people.csv", Url(f"sftp://user@127.0.0.1:{port}/people.csv"), PEOPLE)
    with (
        OpenedFiles() as contents,
        pytest.raises(InputError, match=r"people\.csv: no SSH key and no password to log in with; put a key into"),
        contents.opened(source, Encoding(None)),
    ):
        pass


def test_a_server_whose_key_is_not_known_gets_no_password(port: int, known: Path) -> None:
    known.write_text("")
    with pytest.raises(InputError, match=r"the server's key is not in .*known_hosts"):
        read(port)


def test_a_broken_connection_goes_on_where_it_broke(port: int, known: Path) -> None:
    with proxy_to(port) as proxy:
        known.write_text(known.read_text().replace(f":{port} ", f":{proxy.port} "))
        proxy.passes = lambda number: 300_000 if number < 2 else None
        assert read(proxy.port) == CONTENT
        assert proxy.connections == 3


def test_a_server_that_stalls_ends_the_wait_at_the_limit(
    port: int, known: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_limit", 2.0)
    with proxy_to(port) as proxy:
        known.write_text(known.read_text().replace(f":{port} ", f":{proxy.port} "))
        proxy.passes = lambda _: 300_000
        proxy.stalls = True
        with pytest.raises(DrainTimeoutError, match=rf"^DRAIN_TIMEOUT: .*sftp://127.0.0.1:{proxy.port}/people.csv"):
            read(proxy.port)
