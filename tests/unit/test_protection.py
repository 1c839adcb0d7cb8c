"""Where the monitor may listen."""

from pathlib import Path

import pytest

from monitor import protection
from monitor.protection import check_address
from pipeline.errors import SettingsError


def test_without_a_password_the_monitor_listens_on_this_machine_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(protection, "CONTAINER_MARKS", (tmp_path / "mark",))
    for host in ("127.0.0.1", "localhost", "::1"):
        check_address(host, None)
    check_address("0.0.0.0", "secret")
    with pytest.raises(SettingsError, match=r"^MONITOR_HOST: without a password "):
        check_address("0.0.0.0", None)
    (tmp_path / "mark").touch()
    check_address("0.0.0.0", None)
