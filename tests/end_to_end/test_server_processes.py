"""At most one process of each embedded server works in a state folder after any failure."""

import signal
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
from tests.end_to_end.embedded_runs import copy_state, run, servers_in, start
from tests.support import wait_until

Kind = type[Postgresql] | type[Valkey]
KINDS = pytest.mark.parametrize("kind", [Postgresql, Valkey])


@pytest.fixture
def home(kind: Kind, request: pytest.FixtureRequest) -> Path:
    """The folder of a server. That of PostgreSQL has a cluster, which takes 0.5 s of CPU to make."""
    path: Path = request.getfixturevalue("state" if kind is Postgresql else "empty_state")
    return path


def main_processes(folder: Path) -> int:
    processes = servers_in(folder)
    return sum(process.ppid() not in {other.pid for other in processes} for process in processes)


@KINDS
def test_a_server_that_does_not_answer_is_ended(home: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind) -> None:
    monkeypatch.setattr(server, "START_TIMEOUT", 1.0)
    monkeypatch.setattr(kind, "_answers", lambda *_: False)
    with pytest.raises(PipelineError, match="did not start"):
        kind(home, Account()).start()
    assert servers_in(home) == []


@KINDS
def test_a_server_without_pid_file_and_port_file_is_replaced(home: Path, kind: Kind) -> None:
    """As a full disk leaves them."""
    servers = kind(home, Account())
    servers.start()
    for path in (*home.glob("*.port"), *home.glob("*/*.pid")):
        path.write_bytes(b"")
    servers.start()
    assert main_processes(home) == 1
    servers.stop()
    assert servers_in(home) == []


@KINDS
def test_a_copy_of_a_state_has_a_server_of_its_own(folder: Path, home: Path, kind: Kind) -> None:
    """It holds the port and the password of the original."""
    server = kind(home, Account())
    server.start()
    server.stop()
    copied = copy_state(home, folder / "copy")
    url = server.start()
    copy = kind(copied, Account())
    try:
        assert copy.start() != url
        assert (main_processes(home), main_processes(copied)) == (1, 1)
    finally:
        copy.stop()
        server.stop()


@KINDS
def test_a_server_that_does_not_stop_is_killed(home: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind) -> None:
    monkeypatch.setattr(server, "STOP_TIMEOUT", 0.5)
    frozen = kind(home, Account())
    frozen.start()
    for process in servers_in(home):
        with suppress(psutil.NoSuchProcess):  # a worker of the server may end meanwhile
            process.send_signal(signal.SIGSTOP)
    frozen.stop()
    assert servers_in(home) == []


def test_a_start_says_what_the_server_logged(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "START_ATTEMPTS", 1)
    (state / "postgresql" / "PG_VERSION").write_text("17\n")
    with pytest.raises(PipelineError) as raised:
        Postgresql(state, Account()).start()
    assert "FATAL: database files are incompatible with server" in str(raised.value)
    assert f"its log '{state / 'postgresql.log'}' says more" in str(raised.value)


def test_the_next_run_ends_the_initdb_of_a_killed_run(data: Path, empty_state: Path) -> None:
    process = start(data, empty_state)
    wait_until(lambda: (empty_state / "postgresql.partial" / "PG_VERSION").exists())
    makers = []
    for child in psutil.Process(process.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess, ProcessLookupError):  # initdb runs several, one after the other
            if child.name() in ("initdb", "postgres"):
                child.suspend()  # so that it does not end by itself
                makers.append(child)
    process.kill()
    process.communicate()
    run(data, empty_state)
    assert makers
    assert not any(maker.is_running() and maker.status() != psutil.STATUS_ZOMBIE for maker in makers)
    assert not (empty_state / "postgresql.partial").exists()


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
