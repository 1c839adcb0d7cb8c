"""Root's state is a folder in /var/lib that `.pipeline` links to: it belongs to one checkout, not to its copies."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.embedded import default_folder, servers, state_folder
from pipeline.errors import SettingsError

Use = Callable[[Path], Path]


@pytest.fixture
def use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Use:
    """Makes this process root's in a checkout, and returns the state that a run would use."""
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(default_folder, "STATE_OF_ROOT", tmp_path / "var")

    def use(checkout: Path) -> Path:
        monkeypatch.setattr(default_folder, "PROJECT", checkout)
        return state_folder.claim(default_folder.prepare())

    return use


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    checkout = tmp_path / "original"
    checkout.mkdir()
    (checkout / "pyproject.toml").touch()
    return checkout


def copied(checkout: Path, name: str) -> Path:
    """As by `cp -a`, which copies a link as a link."""
    return Path(shutil.copytree(checkout, checkout.with_name(name), symlinks=True))


def test_a_checkout_keeps_its_state(use: Use, checkout: Path) -> None:
    assert use(checkout) == use(checkout)


def test_another_checkout_at_the_same_path_starts_empty(use: Use, checkout: Path) -> None:
    state = use(checkout)
    shutil.rmtree(checkout)
    checkout.mkdir()
    (checkout / "pyproject.toml").touch()
    assert use(checkout) != state


def test_a_copy_of_a_checkout_starts_empty(use: Use, checkout: Path, caplog: pytest.LogCaptureFixture) -> None:
    state = use(checkout)
    copy = copied(checkout, "copy")
    assert use(copy) != state
    assert f"belongs to the checkout '{checkout}'" in caplog.text
    assert use(copy) == use(copy)
    assert use(checkout) == state


def test_a_copy_neither_resets_nor_runs_the_state_of_the_original(use: Use, checkout: Path) -> None:
    state = use(checkout)
    (state / "postgresql.log").write_text("of the original")
    link = copied(checkout, "copy") / ".pipeline"
    with pytest.raises(SettingsError, match=f"belongs to the checkout '{checkout}'"), servers.running(link):
        pass
    assert servers.reset(link) is None
    assert not link.is_symlink()
    assert (state / "postgresql.log").read_text() == "of the original"


def test_a_moved_checkout_keeps_its_state_and_copies_of_it_do_not(use: Use, checkout: Path) -> None:
    state = use(checkout)
    moved = checkout.rename(checkout.with_name("moved"))
    assert use(moved) == state
    assert use(copied(moved, "original")) != state
    assert use(moved) == state


def test_a_checkout_reached_by_another_path_keeps_its_state(use: Use, checkout: Path) -> None:
    state = use(checkout)
    link = checkout.with_name("link")
    link.symlink_to(checkout)
    assert use(link) == state
    assert use(checkout) == state


@pytest.mark.parametrize("has_marker", [True, False])
def test_a_state_of_an_earlier_version_belongs_to_the_checkout_that_uses_it_next(
    use: Use, checkout: Path, has_marker: bool
) -> None:
    """Earlier versions wrote an empty marker, or none."""
    state = use(checkout)
    (state / state_folder.MARKER).unlink()
    (state / (state_folder.MARKER if has_marker else state_folder.LOCKS[0])).touch()
    copy = copied(checkout, "copy")
    assert use(checkout) == state
    assert use(copy) != state


def test_a_state_that_is_gone_is_made_again(use: Use, checkout: Path) -> None:
    state = use(checkout)
    shutil.rmtree(state)
    assert use(checkout).parent == state.parent
