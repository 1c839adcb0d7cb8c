"""The state folder of an installed pipeline, outside of any checkout."""

from pathlib import Path

import pytest

from pipeline.embedded import default_folder
from pipeline.errors import SettingsError


@pytest.fixture
def site_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The pipeline is installed there, for an ordinary user with the home folder /home/ada."""
    monkeypatch.setattr(default_folder, "PROJECT", tmp_path)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    return tmp_path


@pytest.mark.usefixtures("site_packages")
@pytest.mark.parametrize(
    ("variable", "folder"),
    [
        (None, "/home/ada/.local/state"),
        ("", "/home/ada/.local/state"),
        ("states", "/home/ada/.local/state"),
        ("/s", "/s"),
    ],
)
def test_a_user_s_state_is_where_xdg_puts_it(
    monkeypatch: pytest.MonkeyPatch, variable: str | None, folder: str
) -> None:
    if variable is not None:
        monkeypatch.setenv("XDG_STATE_HOME", variable)
    assert default_folder.path() == default_folder.prepare() == Path(folder, "csv-queue-pipeline")


def test_root_s_state_is_where_the_servers_account_reaches_it(
    site_packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert default_folder.prepare() == Path("/var/lib/csv-queue-pipeline/installed")
    assert list(site_packages.iterdir()) == []


@pytest.mark.usefixtures("site_packages")
def test_a_user_without_a_home_is_told_to_name_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", fail)
    with pytest.raises(SettingsError, match="no home folder for the state; name a folder"):
        default_folder.path()
