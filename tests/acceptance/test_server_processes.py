"""At most one process of each embedded server works in a state folder after any failure."""

import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from pipeline.embedded import server
from pipeline.embedded.account import Account
from pipeline.embedded.postgresql import Postgresql
from pipeline.embedded.private_file import password, write_private
from pipeline.embedded.valkey import Valkey
from pipeline.errors import PipelineError
from tests.acceptance.embedded_runs import run, servers_in, start
from tests.support import wait_until

Kind = type[Postgresql] | type[Valkey]
KINDS = pytest.mark.parametrize("kind", [Postgresql, Valkey])


def main_processes(folder: Path) -> int:
    processes = servers_in(folder)
    return sum(process.ppid() not in {other.pid for other in processes} for process in processes)


@KINDS
def test_a_server_that_does_not_answer_is_ended(folder: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind) -> None:
    monkeypatch.setattr(server, "START_TIMEOUT", 1.0)
    monkeypatch.setattr(kind, "_answers", lambda *_: False)
    with pytest.raises(PipelineError, match="did not start"):
        kind(folder, Account()).start()
    assert servers_in(folder) == []


@KINDS
def test_a_server_without_pid_file_and_port_file_is_replaced(folder: Path, kind: Kind) -> None:
    """As a full disk leaves them."""
    servers = kind(folder, Account())
    servers.start()
    for path in (*folder.glob("*.port"), *folder.glob("*/*.pid")):
        path.write_bytes(b"")
    servers.start()
    assert main_processes(folder) == 1
    servers.stop()
    assert servers_in(folder) == []


@KINDS
def test_a_copy_of_a_state_has_a_server_of_its_own(folder: Path, kind: Kind) -> None:
    """It holds the port and the password of the original."""
    original, copied = folder / "original", folder / "copy"
    original.mkdir()
    server = kind(original, Account())
    server.start()
    server.stop()
    subprocess.run(["cp", "-a", original, copied], check=True)
    url = server.start()
    copy = kind(copied, Account())
    try:
        assert copy.start() != url
        assert (main_processes(original), main_processes(copied)) == (1, 1)
    finally:
        copy.stop()
        server.stop()


@KINDS
def test_a_server_that_does_not_stop_is_killed(folder: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind) -> None:
    monkeypatch.setattr(server, "STOP_TIMEOUT", 0.5)
    frozen = kind(folder, Account())
    frozen.start()
    for process in servers_in(folder):
        process.send_signal(signal.SIGSTOP)
    frozen.stop()
    assert servers_in(folder) == []


def test_a_start_says_what_the_server_logged(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "START_ATTEMPTS", 1)
    postgresql = Postgresql(folder, Account())
    postgresql.start()
    postgresql.stop()
    (folder / "postgresql" / "PG_VERSION").write_text("17\n")
    with pytest.raises(PipelineError) as raised:
        postgresql.start()
    assert "FATAL: database files are incompatible with server" in str(raised.value)
    assert f"its log '{folder / 'postgresql.log'}' says more" in str(raised.value)


def test_the_next_run_ends_the_initdb_of_a_killed_run(folder: Path, data: Path) -> None:
    state = folder / "state"
    process = start(data, state)
    wait_until(lambda: (state / "postgresql.partial" / "PG_VERSION").exists())
    makers = []
    for child in psutil.Process(process.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess, ProcessLookupError):  # initdb runs several, one after the other
            if child.name() in ("initdb", "postgres"):
                child.suspend()  # so that it does not end by itself
                makers.append(child)
    process.kill()
    process.communicate()
    run(data, state)
    assert makers
    assert not any(maker.is_running() and maker.status() != psutil.STATUS_ZOMBIE for maker in makers)
    assert not (state / "postgresql.partial").exists()


def test_an_empty_password_file_gets_a_password(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.touch()
    made = password(file)
    assert len(made) == 32
    assert (password(file), file.stat().st_mode & 0o777) == (made, 0o600)


def test_a_private_file_that_cannot_be_written_stays_as_it_was(tmp_path: Path) -> None:
    file = write_private(tmp_path / "password", "old")
    with pytest.raises(UnicodeEncodeError):
        write_private(file, "not encodable: \ud800")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("password", "old")]
