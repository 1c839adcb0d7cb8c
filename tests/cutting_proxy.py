"""A proxy before a server, which cuts or stops connections in the middle of an answer."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Proxy:
    port: int
    passes: Callable[[int], int | None] = lambda _: None  # bytes of the answers of connection 0, 1, ...; None: all
    stalls: bool = False  # instead of cutting a connection
    connections: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)


@contextmanager
def proxy_to(port: int) -> Iterator[Proxy]:
    """A proxy on this machine to another port of it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = Proxy(listener.getsockname()[1])

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    left = proxy.passes(proxy.connections)
                    proxy.connections += 1
                    server = socket.create_connection(("127.0.0.1", port))
                    threading.Thread(target=_pass_on, args=(client, server), daemon=True).start()
                    threading.Thread(target=_pass_on, args=(server, client, left, proxy), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield proxy
        finally:
            proxy.stopped.set()
            listener.shutdown(socket.SHUT_RDWR)


def _pass_on(source: socket.socket, target: socket.socket, left: int | None = None, proxy: Proxy | None = None) -> None:
    with suppress(OSError):
        while left != 0 and (block := source.recv(65_536 if left is None else min(left, 65_536))):
            target.sendall(block)
            left = None if left is None else left - len(block)
        if proxy and proxy.stalls and left == 0:
            proxy.stopped.wait()
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
