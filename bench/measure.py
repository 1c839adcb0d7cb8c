"""Runs commands and measures them: seconds, and CPU and memory by kind of process, the servers' included."""

import os
import resource
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

from bench.processes import adopt_orphans, descendants, kind, machine_cpu, proportional_memory, tree_cpu, usage

CPU_INTERVAL = 0.05  # seconds between looks at the stages: what one used after the last counts as the client's CPU
MEMORY_INTERVAL = 0.25  # seconds between looks at memory
ORPHANS_TIMEOUT = 10.0  # seconds that what a command leaves behind has to end
LONGEST_REASON = 300  # characters of what a failed command said


class FailedError(Exception):
    """A case did not do what it was to do; the message says why."""


@dataclass(frozen=True)
class Command:
    """A command line. With `held` it says `ready` on standard output, and waits for a line before it begins."""

    line: Sequence[str | Path]
    environment: Mapping[str, str]
    folder: Path
    held: bool = False


@dataclass
class Measured:
    """What one outcome of a case cost, once. CPU in seconds, memory in bytes at its peak (PSS)."""

    seconds: float
    cpu: dict[str, float]
    memory: dict[str, int]
    other_cpu: float  # of everything else on the machine, this benchmark's own looks included
    verified_rows: int = 0  # counted in the table afterwards

    @property
    def total_cpu(self) -> float:
        return sum(self.cpu.values())


def measure(commands: Sequence[Command], servers: Mapping[str, int], timeout: float) -> Measured:
    """Runs commands at once, to the end of the last one; `servers`: kind -> pid of the first process.

    Raises FailedError if one fails, or does not end within `timeout` seconds.
    """
    adopt_orphans()
    with tempfile.TemporaryFile("w+") as log, ExitStack() as stack:
        held = [stack.enter_context(_process(command, log)) for command in commands if command.held]
        for process in held:
            _wait_until_ready(process, log)
        before = {server: tree_cpu(pid) for server, pid in servers.items()}
        clients_before = sum(each.own for process in held if (each := usage(process.pid)))
        children_before, machine_before = _children_cpu(), machine_cpu()
        start = time.perf_counter()
        processes = [stack.enter_context(_process(command, log)) for command in commands if not command.held]
        for process in held:
            _go(process)
        processes += held
        with Sampler([process.pid for process in processes], servers) as sampler:
            _wait(processes, timeout, log)
            seconds = time.perf_counter() - start
        _wait_for_orphans(processes)
        cpu = sampler.stage_cpu()
        cpu["client"] = _children_cpu() - children_before - clients_before - sum(cpu.values())
        cpu |= {server: tree_cpu(pid) - before[server] for server, pid in servers.items()}
        other = machine_cpu() - machine_before - sum(cpu.values())
        return Measured(seconds, cpu, sampler.peaks, other)


@contextmanager
def _process(command: Command, log: IO[str]) -> "Iterator[subprocess.Popen[str]]":
    """A command as a process, of which nothing is left at the end of the block."""
    process = subprocess.Popen(
        command.line,
        env=command.environment,
        cwd=command.folder,
        stdin=subprocess.PIPE if command.held else subprocess.DEVNULL,
        stdout=subprocess.PIPE if command.held else log,
        stderr=log,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        _kill(process)
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream:
                stream.close()


def _wait_until_ready(process: "subprocess.Popen[str]", log: IO[str]) -> None:
    if process.stdout and process.stdout.readline() != "ready\n":
        raise FailedError(f"did not become ready: {_said(log)}")


def _go(process: "subprocess.Popen[str]") -> None:
    if process.stdin:
        process.stdin.write("go\n")
        process.stdin.close()


def _wait(processes: "Sequence[subprocess.Popen[str]]", timeout: float, log: IO[str]) -> None:
    """Waits until all have ended well. By a timer, since waiting with a timeout would end up to 50 ms late."""
    timed_out = threading.Event()

    def end() -> None:
        timed_out.set()
        for process in processes:
            _kill(process)

    timer = threading.Timer(timeout, end)
    timer.start()
    try:
        codes = [process.wait() for process in processes]
    finally:
        timer.cancel()
        timer.join()
    if timed_out.is_set():
        raise FailedError(f"did not end within {timeout:g} s")
    if any(codes):
        raise FailedError(f"exit code {max(codes, key=abs)}: {_said(log)}")


def _wait_for_orphans(processes: "Sequence[subprocess.Popen[str]]") -> None:
    """Until what the commands left behind has ended too, so that its CPU counts."""
    deadline = time.monotonic() + ORPHANS_TIMEOUT
    for process in processes:
        with suppress(ChildProcessError):
            while time.monotonic() < deadline:
                if os.waitpid(-process.pid, os.WNOHANG) == (0, 0):
                    time.sleep(0.01)
            raise FailedError(f"left a process behind that did not end within {ORPHANS_TIMEOUT:g} s")


def _said(log: IO[str]) -> str:
    log.seek(0)
    return " ".join(log.read().split())[-LONGEST_REASON:]


def _kill(process: "subprocess.Popen[str]") -> None:
    """Ends what is left of a command and of what it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _children_cpu() -> float:
    """CPU seconds of all processes that this one has waited for, and of those that they have waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


class Sampler:
    """Looks at the commands' processes and the servers while they run, from a thread."""

    def __init__(self, commands: Sequence[int], servers: Mapping[str, int]) -> None:
        self.peaks: dict[str, int] = {}  # kind -> bytes
        self._commands = commands
        self._servers = servers
        self._kinds: dict[int, str] = {}
        self._cpu: dict[int, float] = {}  # pid -> seconds at the last look
        self._done = threading.Event()
        self._thread = ThreadPoolExecutor(1)

    def __enter__(self) -> "Sampler":
        self._looking = self._thread.submit(self._sample)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.shutdown()
        self._looking.result()  # raises what ended it too early

    def stage_cpu(self) -> dict[str, float]:
        """CPU seconds by stage."""
        cpu: dict[str, float] = {}
        for pid, seconds in self._cpu.items():
            if self._kinds[pid] != "client":
                cpu[self._kinds[pid]] = cpu.get(self._kinds[pid], 0.0) + seconds
        return cpu

    def _sample(self) -> None:
        memory_due = 0.0
        while not self._done.wait(CPU_INTERVAL):
            processes = [pid for command in self._commands for pid in descendants(command)]
            self._look_at_cpu(processes)
            if time.monotonic() >= memory_due:
                self._look_at_memory(processes)
                memory_due = time.monotonic() + MEMORY_INTERVAL

    def _look_at_cpu(self, processes: list[int]) -> None:
        for pid in processes:
            used = usage(pid)
            if used:
                if self._kinds.get(pid, "client") == "client":  # a stage is its parent's copy until it has its title
                    self._kinds[pid] = kind(pid)
                self._cpu[pid] = max(used.own, self._cpu.get(pid, 0.0))

    def _look_at_memory(self, processes: list[int]) -> None:
        now: dict[str, int] = {}
        for pid in processes:
            each = self._kinds.get(pid, "client")
            now[each] = now.get(each, 0) + proportional_memory(pid)
        for server, root in self._servers.items():
            now[server] = sum(map(proportional_memory, descendants(root)))
        for each, size in now.items():
            self.peaks[each] = max(size, self.peaks.get(each, 0))
