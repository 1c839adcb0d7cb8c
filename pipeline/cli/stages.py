"""Stages as processes of this machine. Each runs what `python -m` runs for it, and ends with its parent.

Workers that end while another stage runs are replaced.
"""

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import cast

from setproctitle import setproctitle

from pipeline import remedies, signals, waiting
from pipeline.cli import command, fork_server, progress
from pipeline.cli.command import TIMED_OUT, USAGE
from pipeline.cli.output import Output
from pipeline.errors import PipelineError, SettingsError
from pipeline.exit_status import describe_end
from pipeline.wording import counted

WORKER = "worker"
ENDS_PER_WORKER = 3  # on average; with more of them within END_WINDOW the run gives up
END_WINDOW = 30.0  # seconds, in which a chunk that ends every worker does so three times, and then counts as failed
STOP_TIMEOUT = 10.0  # seconds that stages have to stop before they are killed
SERVER_LOST = 255  # exit code that multiprocessing makes up when the process that stages are forked from has ended

# Stages are forked from a process that has read their modules, which would take each of them 0.2 s.
processes: ForkServerContext | SpawnContext = (
    multiprocessing.get_context("forkserver") if fork_server.CAN_FORK else multiprocessing.get_context("spawn")
)

logger = logging.getLogger(__name__)


def read_modules() -> None:
    """Raises SettingsError if no process can be started that stages are forked from."""
    try:
        fork_server.read_modules()
    except OSError as error:
        raise SettingsError(f"cannot start processes: {error}; TMPDIR names the folder of the socket needed") from error


@dataclass(frozen=True)
class Member:
    """A process of a stage."""

    process: BaseProcess
    ended: Connection  # at its end when the process has ended, even if the process that it was forked from has too

    @property
    def is_running(self) -> bool:
        return self.process.pid is not None and not self.ended.poll()

    def kill(self, number: int) -> None:
        """Sends a signal. Not by multiprocessing, for which a process ends with the one that it was forked from."""
        with suppress(ProcessLookupError):
            os.kill(cast(int, self.process.pid), number)


class StageProcesses:
    """Running stages. At the end of the block all are told to stop at once, and killed if they do not."""

    def __init__(self, settings: Mapping[str, str], options: Sequence[str], output: Output | None = None) -> None:
        """`settings` are added to the environment variables of each stage, `options` make up its command line.

        `output` is where the stages print, and where their progress is shown, if that is not what this process has.
        """
        self._settings = settings
        self._options = options
        self._output = output
        self._members: list[Member] = []
        self._workers: list[Member] = []
        self._worker_ends: list[float] = []  # times of the latest

    def start_workers(self, count: int) -> None:
        self._workers = [self._start(WORKER) for _ in range(count)]

    def outcome(self, stage: str) -> int:
        """Runs a stage to its end, replaces workers that end meanwhile, and returns the stage's exit code.

        If a worker ends because of wrong settings or an unreachable server, its exit code is returned. Raises
        PipelineError if a signal ended the stage, if workers end again and again, or if the process that stages are
        forked from has ended.
        """
        member = self._start(stage)
        while (code := member.process.exitcode) is None:
            wait([each.process.sentinel for each in (member, *self._workers)])
            for number, worker in enumerate(self._workers):
                if (end := worker.process.exitcode) in (USAGE, TIMED_OUT):
                    return end
                if worker.process.exitcode is not None:
                    self._workers[number] = self._replacement(worker)
        _check_server(code)
        if code < 0:
            raise PipelineError(f"the {stage} {describe_end(code)}; run it again to go on")
        return code

    def _start(self, stage: str) -> Member:
        ended, alive = processes.Pipe(duplex=False)
        # Daemons: if this process ends in between, it tells them to stop, and does not just wait for them.
        process = processes.Process(
            target=_run_stage, name=stage, args=(stage, self._settings, self._options, self._output, alive), daemon=True
        )
        self._members.append(member := Member(process, ended))
        try:
            with alive, signals.held():  # a stage told half of what to do would show an error of the fork server
                process.start()
        except (EOFError, OSError) as error:
            raise PipelineError(
                f"the {stage} cannot be started: {error or type(error).__name__}; run it again"
            ) from error
        return member

    def _replacement(self, worker: Member) -> Member:
        """A new worker in place of one that ended. Raises PipelineError if they end too often."""
        code = worker.process.exitcode or 0
        _check_server(code)
        self._members.remove(worker)
        now = time.monotonic()
        self._worker_ends = [moment for moment in self._worker_ends if now - moment < END_WINDOW] + [now]
        if len(self._worker_ends) > ENDS_PER_WORKER * len(self._workers):
            raise PipelineError(
                f"{counted(len(self._worker_ends), 'worker')} ended within {END_WINDOW:g} s; the last one"
                f" {describe_end(code)}; correct what ends them (see the lines above, and the system's log if memory"
                " ran out: fewer --workers need less), then run it again to go on"
            )
        logger.warning("a worker (process %d) %s; another one is started", worker.process.pid, describe_end(code))
        return self._start(WORKER)

    def __enter__(self) -> "StageProcesses":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with signals.held():  # the first one would end the wait: stages would print behind the last line of the run
            self._stop()

    def _stop(self) -> None:
        running = [member for member in self._members if member.is_running]
        for member in running:
            member.kill(signal.SIGTERM)
        deadline = time.monotonic() + STOP_TIMEOUT
        for member in running:
            if not member.ended.poll(max(0.0, deadline - time.monotonic())):
                logger.warning("the %s did not stop within %g s and is killed", member.process.name, STOP_TIMEOUT)
                member.kill(signal.SIGKILL)
            member.process.join()


def _check_server(code: int) -> None:
    if code == SERVER_LOST:
        raise PipelineError("the process that the stages are forked from has ended; run it again to go on")


def _run_stage(
    stage: str,
    settings: Mapping[str, str],
    options: Sequence[str],
    output: Output | None,
    alive: Connection,  # noqa: ARG001 (held until the kernel closes it, when the process has ended)
) -> None:
    signal.pthread_sigmask(
        signal.SIG_BLOCK, signals.SIGNALS
    )  # Ctrl-C is for the run, which tells its stages by SIGTERM
    threading.Thread(target=_end_with, args=(multiprocessing.parent_process(),), daemon=True).start()
    setproctitle(f"pipeline {stage}")
    os.environ.update(settings)
    sys.argv = [stage, *options]
    remedies.current = remedies.of_run(settings.get("PIPELINE_STATE"))
    if output is not None:
        output.take_over()
        progress.is_shown_by_run = True
    waiting.is_start_logged = stage != WORKER  # the producer waits for the same servers
    sigterm_code = 0 if stage == WORKER else command.TERMINATED
    main = import_module(f"{stage}.__main__").main
    command.run(main, f"python -m {stage}", hard_deadline=True, sigterm_code=sigterm_code, is_stage_of_run=True)


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
