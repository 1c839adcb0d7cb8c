"""Hosts as network namespaces, joined by a switch: they can be cut off, killed, and added. Needs root and iproute2."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import Commands
from tests.faults.required import unavailable
from tests.faults.wire import Wire
from tests.support import start_process

NETWORK = f"198.18.{os.getpid() % 256}"  # of the range that RFC 2544 keeps for tests
OWN_ADDRESS = f"{NETWORK}.254"


@dataclass(frozen=True)
class Host:
    """A namespace with an address on the switch."""

    namespace: str
    address: str
    switch: str  # the namespace of the switch
    port: str  # the interface there that leads to this host

    def command(self, *command: str | Path) -> list[str]:
        """The command, run on this host."""
        return ["ip", "netns", "exec", self.namespace, *map(str, command)]

    def cut_off(self) -> None:
        """From now on no packet arrives or leaves, and neither end is told."""
        _ip("-n", self.switch, "link", "set", self.port, "nomaster")

    def join(self) -> None:
        """Undoes `cut_off`."""
        _ip("-n", self.switch, "link", "set", self.port, "master", "bridge")

    def kill(self) -> None:
        """As a power failure would: no process says goodbye, and neither does its kernel."""
        self.cut_off()
        self.end()

    def end(self) -> None:
        """Ends all processes at once."""
        for pid in _ip("netns", "pids", self.namespace).split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)


@dataclass(frozen=True)
class HostCommands(Commands):
    """The real commands as processes on a host."""

    host: Host = field(kw_only=True)

    def start(self, *command: str, **environment: str) -> "subprocess.Popen[str]":
        settings = {**self.services.environment, **environment}
        return start_process(self.host.command(sys.executable, "-m", *command), settings)


@dataclass
class Network:
    """A switch with its hosts; this process reaches them too, from OWN_ADDRESS."""

    prefix: str = f"h{os.getpid()}"
    hosts: list[Host] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)

    @property
    def switch(self) -> str:
        return f"{self.prefix}-switch"

    def build(self) -> None:
        _ip("netns", "add", self.switch)
        _ip("-n", self.switch, "link", "add", "bridge", "type", "bridge")
        _ip("-n", self.switch, "link", "set", "bridge", "up")
        own = f"{self.prefix}-own"
        _ip("link", "add", own, "type", "veth", "peer", "name", "own", "netns", self.switch)
        _ip("address", "add", f"{OWN_ADDRESS}/24", "dev", own)
        _ip("link", "set", own, "up")
        self._plug_in("own")

    def add(self, *, delay: float = 0, loss: float = 0) -> Host:
        """A new host; its link delays each packet by `delay` seconds and loses this share of them, both ways."""
        number = len(self.hosts) + 1
        port = f"port{number}"
        host = Host(f"{self.prefix}-{number}", f"{NETWORK}.{number}", self.switch, port)
        _ip("netns", "add", host.namespace)
        self.hosts.append(host)
        if delay or loss:
            near = f"{self.prefix}n{number}"
            self.wires.append(Wire((near, port), delay, loss))
            _ip("link", "set", near, "netns", host.namespace, "name", "eth0")
            _ip("link", "set", port, "netns", self.switch)
        else:
            _ip("-n", host.namespace, "link", "add", "eth0", "type", "veth", "peer", "name", port, "netns", self.switch)
        _ip("-n", host.namespace, "address", "add", f"{host.address}/24", "dev", "eth0")
        for interface in ("lo", "eth0"):
            _ip("-n", host.namespace, "link", "set", interface, "up")
        self._plug_in(port)
        return host

    def end(self) -> None:
        for host in self.hosts:
            host.end()
        for wire in self.wires:
            wire.close()
        for namespace in (*(host.namespace for host in self.hosts), self.switch):
            subprocess.run(["ip", "netns", "delete", namespace], check=False, capture_output=True)

    def _plug_in(self, port: str) -> None:
        _ip("-n", self.switch, "link", "set", port, "master", "bridge", "up")


@contextmanager
def network() -> Iterator[Network]:
    """A switch without hosts; what the machine lacks for it skips the test."""
    if os.geteuid() or not shutil.which("ip") or not os.path.exists("/dev/net/tun"):
        unavailable("hosts of their own need root, iproute2 and /dev/net/tun")
    built = Network()
    try:
        try:
            built.build()
        except subprocess.CalledProcessError as error:
            unavailable(f"this machine gives no network namespaces: {error.stderr}")
        yield built
    finally:
        built.end()


def _ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout
