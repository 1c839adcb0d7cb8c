"""An SFTP server for one connection after another, over the files of a folder, on this machine."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import paramiko

PASSWORD = "p@ss"


class _Login(paramiko.ServerInterface):  # type: ignore[misc]
    def check_auth_password(self, username: str, password: str) -> int:
        is_right = (username, password) == ("user", PASSWORD)
        return int(paramiko.AUTH_SUCCESSFUL if is_right else paramiko.AUTH_FAILED)

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002
        return int(paramiko.OPEN_SUCCEEDED)


class _Files(paramiko.SFTPServerInterface):  # type: ignore[misc]
    def __init__(self, server: Any, folder: Path) -> None:
        super().__init__(server)
        self._folder = folder

    def list_folder(self, path: str) -> Any:
        files = (self._folder / path.lstrip("/")).iterdir()
        return [paramiko.SFTPAttributes.from_stat(file.stat(), file.name) for file in files]

    def stat(self, path: str) -> Any:
        try:
            return paramiko.SFTPAttributes.from_stat((self._folder / path.lstrip("/")).stat())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)

    lstat = stat

    def open(self, path: str, flags: int, attr: Any) -> Any:  # noqa: ARG002
        handle = paramiko.SFTPHandle(flags)
        handle.readfile = (self._folder / path.lstrip("/")).open("rb")
        return handle


@contextmanager
def serving_sftp(folder: Path) -> Iterator[tuple[int, str]]:
    """Its port, and its line for known_hosts."""
    key = paramiko.ECDSAKey.generate()
    transports: list[paramiko.Transport] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    transport = paramiko.Transport(client)
                    transports.append(transport)
                    transport.add_server_key(key)
                    transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Files, folder)
                    transport.start_server(threading.Event(), _Login())

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield port, f"[127.0.0.1]:{port} {key.get_name()} {key.get_base64()}\n"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for transport in transports:
                transport.close()
