"""Stages as processes of this machine: each does what `python -m` does with it, and ends with its parent."""

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from types import TracebackType

from setproctitle import setproctitle

from pipeline import command, stop
from pipeline.errors import PipelineError, SettingsError

STOP_TIMEOUT = 10.0  # seconds that stages have to stop before they are killed
SERVER_LOST = 255  # exit code that multiprocessing makes up when the process that stages are forked from has ended

# Stages are forked from a process that has read their modules, which would take each of them 0.2 s. Libraries of
# macOS do not bear being forked.
processes: ForkServerContext | SpawnContext = (
    multiprocessing.get_context("spawn") if sys.platform == "darwin" else multiprocessing.get_context("forkserver")
)

logger = logging.getLogger(__name__)


def read_modules() -> None:
    """Begins to read what the stages need, in the process that they are to be forked from; does not wait for it.

    That process hears no signals: it ends with this one. Raises SettingsError if it cannot be started.
    """
    if processes.get_start_method() != "forkserver":
        return
    processes.set_forkserver_preload([__name__, "producer.__main__", "worker.__main__", "exporter.__main__"])
    resource_tracker.ensure_running()  # by itself, since it lets the signals through again
    try:
        with stop.held():
            forkserver.ensure_running()
    except OSError as error:
        raise SettingsError(f"cannot start processes: {error}; TMPDIR names the folder of the socket needed") from error


class Crew:
    """Stages that run; at the end of the block all are told to stop, at once, and killed if they do not."""

    def __init__(self, settings: Mapping[str, str], options: Sequence[str]) -> None:
        """`settings` are added to the environment variables of each stage, `options` make up its command line."""
        self._settings = settings
        self._options = options
        self._members: list[BaseProcess] = []

    def start(self, stage: str) -> BaseProcess:
        # Daemons: if this process ends in between, it tells them to stop, and does not just wait for them.
        process = processes.Process(
            target=_become, name=stage, args=(stage, self._settings, self._options), daemon=True
        )
        self._members.append(process)
        try:
            with stop.held():  # half of what a stage is to do would be an error of the process that it is forked from
                process.start()
        except (EOFError, OSError) as error:
            raise PipelineError(f"the {stage} cannot be started: {error or type(error).__name__}") from error
        return process

    def outcome(self, stage: str) -> int:
        """Runs a stage to its end; returns its exit code. Raises PipelineError if it did not end by itself."""
        process = self.start(stage)
        process.join()
        code = process.exitcode or 0
        if code == SERVER_LOST:
            raise PipelineError(f"the process that the {stage} was forked from has ended; run it again to go on")
        if code < 0:
            raise PipelineError(
                f"the {stage} was ended by signal {-code} ({signal.strsignal(-code)}); run it again to go on"
            )
        return code

    def __enter__(self) -> "Crew":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        running = [process for process in self._members if process.is_alive()]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + STOP_TIMEOUT
        for process in running:
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                logger.warning("the %s did not stop within %g s and is killed", process.name, STOP_TIMEOUT)
                process.kill()
                process.join()


def _become(stage: str, settings: Mapping[str, str], options: Sequence[str]) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, stop.SIGNALS)  # Ctrl-C is for the run, which tells its stages by SIGTERM
    threading.Thread(target=_end_with, args=(multiprocessing.parent_process(),), daemon=True).start()
    setproctitle(f"pipeline {stage}")
    os.environ.update(settings)
    sys.argv = [stage, *options]
    command.run(import_module(f"{stage}.__main__").main, f"python -m {stage}", ends_in_time=True)


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
