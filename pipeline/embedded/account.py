"""Who runs the embedded servers, and how: processes, files and binaries that this account can use."""

import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

from pipeline.errors import PipelineError, SettingsError

USER_FOR_ROOT = "nobody"  # PostgreSQL refuses to run as root
START_ATTEMPTS = 10  # a port may be taken meanwhile; processes of a killed server may still be ending
START_PAUSE = 0.5  # seconds between attempts
START_TIMEOUT = 60.0  # seconds; recovery after a kill included
STOP_TIMEOUT = 60.0  # seconds
POLL_INTERVAL = 0.02  # seconds


class Account:
    """The user's own account, or for root a harmless one."""

    def __init__(self) -> None:
        self.entry = pwd.getpwnam(USER_FOR_ROOT) if os.geteuid() == 0 else None

    def own_folder(self, path: Path) -> Path:
        """A folder that only this account can enter."""
        path.mkdir(mode=0o700, exist_ok=True)
        return self.own(path)

    def own(self, path: Path) -> Path:
        if self.entry:
            os.chown(path, self.entry.pw_uid, self.entry.pw_gid)
        return path

    def reachable(self, original: Path, copy: Path) -> Path:
        """A binary or folder of a wheel, or its copy where root's installation is out of this account's reach."""
        if not self.entry:
            return original
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            partial = copy.with_name(f"{copy.name}.partial")
            if original.is_dir():
                shutil.rmtree(partial, ignore_errors=True)
                shutil.copytree(original, partial, symlinks=True)
            else:
                shutil.copy(original, partial)
            partial.rename(copy)
        return copy

    def run(self, command: Sequence[Path | str]) -> None:
        """Runs a command to its end; raises PipelineError with what it said if it fails."""
        ended = subprocess.run(  # noqa: S603 (a binary of the wheel, without a shell)
            command, capture_output=True, text=True, **self._process()
        )
        if ended.returncode:
            raise PipelineError(f"{Path(command[0]).name} failed: {' '.join(ended.stderr.split())}")

    def start(self, command: Sequence[Path | str], log: Path) -> subprocess.Popen[bytes]:
        """Starts a server in a session of its own, so that Ctrl-C reaches the run and not the server."""
        with log.open("a") as output:
            return subprocess.Popen(  # noqa: S603 (a binary of the wheel, without a shell)
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **self._process(),
            )

    def _process(self) -> dict[str, Any]:
        process: dict[str, Any] = {"env": {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}, "cwd": "/"}
        if self.entry:
            process |= {"user": self.entry.pw_uid, "group": self.entry.pw_gid, "extra_groups": []}
        return process


def start_server(
    start: Callable[[int], subprocess.Popen[bytes]], answers: Callable[[int], bool], port_file: Path, log: Path
) -> int:
    """Starts a server, and returns its port once it answers there.

    The port is the one that it had before, which the port file keeps, so that others find it again; a free
    one if that is taken.
    """
    deadline = time.monotonic() + START_TIMEOUT
    for _ in range(START_ATTEMPTS):
        port = _free_port(kept_port(port_file))
        process = start(port)
        try:
            while process.poll() is None and time.monotonic() < deadline:
                if answers(port):
                    write_private(port_file, str(port))
                    return port
                time.sleep(POLL_INTERVAL)
        except BaseException:  # interrupted: it may not have written its pid file yet
            process.terminate()
            process.wait(STOP_TIMEOUT)
            raise
        time.sleep(START_PAUSE)
    raise PipelineError(f"an embedded server did not start; its log '{log}' says why")


def stop_server(pid_file: Path, stop_signal: int) -> None:
    """Stops the server that runs in the folder of its pid file, whoever started it; waits until it has ended."""
    with contextlib.suppress(FileNotFoundError, ValueError, IndexError, psutil.NoSuchProcess):
        server = psutil.Process(int(pid_file.read_text().splitlines()[0]))
        if server.cwd() == str(pid_file.parent.resolve()):  # the pid may be another process's by now
            server.send_signal(stop_signal)
            deadline = time.monotonic() + STOP_TIMEOUT
            while server.status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:  # its parent may be gone
                time.sleep(POLL_INTERVAL)


def wheel(package: str) -> Path:
    """The folder of an installed wheel; raises SettingsError with the remedy if it is not installed."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise SettingsError(
            f"the embedded servers need the wheel {package}: install '.[embedded]', or set DATABASE_URL and REDIS_URL"
        )
    return Path(spec.origin).parent


def write_private(path: Path, text: str, *, replace: bool = True) -> Path:
    """Writes a file that only its owner can read; with `replace` false only if there is none."""
    if replace:
        path.unlink(missing_ok=True)
    with (
        contextlib.suppress(FileExistsError),
        open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file,
    ):
        file.write(text)
    return path


def password(path: Path) -> str:
    """The password kept in a private file, made up when there is none."""
    return write_private(path, secrets.token_urlsafe(24), replace=False).read_text()


def kept_port(port_file: Path) -> int | None:
    with contextlib.suppress(FileNotFoundError, ValueError):
        return int(port_file.read_text())
    return None


def _free_port(preferred: int | None) -> int:
    for port in (preferred or 0, 0):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)) as server:
            return int(server.getsockname()[1])
    raise PipelineError("no port is free on 127.0.0.1")
