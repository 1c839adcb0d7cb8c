"""A server of this machine, known by the folder that its processes work in: it runs there once at most."""

import contextlib
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from pipeline.embedded.disk import shortage
from pipeline.embedded.private_file import write_private
from pipeline.embedded.software import missing
from pipeline.errors import PipelineError
from pipeline.exit_status import describe_end

try:
    import psutil
except ModuleNotFoundError as error:  # the pipeline can be installed without it, for servers of the user's own
    raise missing("psutil") from error

START_ATTEMPTS = 10  # a port may be taken meanwhile; processes of a killed server may still be ending
START_PAUSE = 0.5  # seconds between attempts
START_TIMEOUT = 60.0  # seconds; recovery after a kill included
STOP_TIMEOUT = 60.0  # seconds that a server has to stop before it is killed
KILL_TIMEOUT = 10.0  # seconds
POLL_INTERVAL = 0.02  # seconds
REASON_LINES = 3  # of the log


@dataclass(frozen=True)
class ServerProcess:
    """The process of a server, which its other processes are children of."""

    program: str
    process: psutil.Process | None  # None: it had ended by the time it was looked for
    log: Path

    def end(self) -> str | None:
        """How it ended, and what to do; None while it runs."""
        if self.process and _runs(self.process):
            return None
        code = None
        if self.process:
            with contextlib.suppress(psutil.Error):  # a zombie of another parent's
                code = self.process.wait(0)
        return (
            f"the embedded {self.program} {describe_end(code)}; its log '{self.log}' may say why; run it again to go on"
        )


@dataclass(frozen=True)
class Server:
    """A program whose data is in a folder of the state folder."""

    program: str
    folder: Path
    stop_signal: int
    port_file: Path  # keeps the port from one start to the next, so that others find the server again
    log: Path

    def start(self, launch: Callable[[int], subprocess.Popen[bytes]], answers: Callable[[int], bool]) -> int:
        """Starts the server, which must not run, and returns its port once it answers there.

        The port is the one in the port file, or a free one if that is taken. Whatever fails, no process is left.
        """
        deadline = time.monotonic() + START_TIMEOUT
        for _ in range(START_ATTEMPTS):
            log_size = self.log.stat().st_size if self.log.exists() else 0
            port = _free_port(self._kept_port())
            with contextlib.ExitStack() as unless_it_answers:
                unless_it_answers.callback(self.stop)
                process = launch(port)
                while process.poll() is None and time.monotonic() < deadline and not shortage(self.folder):
                    if answers(port):
                        write_private(self.port_file, str(port))
                        unless_it_answers.pop_all()
                        return port
                    time.sleep(POLL_INTERVAL)
            if time.monotonic() >= deadline or shortage(self.folder):
                break
            time.sleep(START_PAUSE)
        reason = self._logged_after(log_size) or "it does not answer"
        raise PipelineError(f"the embedded {self.program} did not start: {reason}; its log '{self.log}' says more")

    def stop(self) -> None:
        """Stops the server if it runs, also one that another run started; it is killed if it does not stop in time."""
        end_processes(self.folder, {self.program}, self.stop_signal)

    def process(self) -> ServerProcess:
        """The process of the server, which must run, also if another run has started it."""
        processes = _processes(self.folder, {self.program})
        pids = {process.pid for process in processes}
        main = next((process for process in processes if process.ppid() not in pids), None)
        return ServerProcess(self.program, main, self.log)

    def running_port(self, answers: Callable[[int], bool]) -> int | None:
        """The port on which this server answers; None if it does not, or if the server there is another state's.

        A copy of a state has the same port and password.
        """
        port = self._kept_port()
        return port if port and answers(port) and _processes(self.folder, {self.program}) else None

    def _kept_port(self) -> int | None:
        with contextlib.suppress(FileNotFoundError, ValueError):
            return int(self.port_file.read_text())
        return None

    def _logged_after(self, offset: int) -> str:
        """The last lines of the log from an offset on, as one."""
        with self.log.open("rb") as log:
            log.seek(offset)
            lines = log.read().decode(errors="replace").splitlines()
        return " ".join(" ".join(lines[-REASON_LINES:]).split())


def end_processes(folder: Path, programs: Collection[str], stop_signal: int) -> None:
    """Ends the processes of these programs that work in a folder; raises PipelineError if one cannot be killed.

    Not by pid files: a full disk leaves them empty.
    """
    for number, timeout in ((stop_signal, STOP_TIMEOUT), (signal.SIGKILL, KILL_TIMEOUT)):
        processes = _processes(folder, programs)
        pids = {process.pid for process in processes}
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                if number == signal.SIGKILL or process.ppid() not in pids:  # a server tells its own children
                    process.send_signal(number)
        deadline = time.monotonic() + timeout
        while any(map(_runs, processes)):
            if time.monotonic() >= deadline:
                break
            time.sleep(POLL_INTERVAL)
        else:
            return
    raise PipelineError(
        f"process {min(pids)} in '{folder}' cannot be ended; end it by hand, or start the machine again"
    )


def _processes(folder: Path, programs: Collection[str]) -> list[psutil.Process]:
    folder = folder.resolve()
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):  # a zombie works nowhere
            if process.name() in programs and process.cwd() == str(folder):
                found.append(process)
    return found


def _runs(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE  # its parent may be gone
    return False


def _free_port(preferred: int | None) -> int:
    for port in (preferred or 0, 0):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)) as server:
            return int(server.getsockname()[1])
    raise PipelineError("no port is free on 127.0.0.1; end a program that listens there")
