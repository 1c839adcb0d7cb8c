"""Stages as processes of this machine: each does what `python -m` does with it, and ends with its parent."""

import logging
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.forkserver import ensure_running
from multiprocessing.process import BaseProcess

from setproctitle import setproctitle

from pipeline import command
from pipeline.errors import PipelineError, SettingsError

STOP_TIMEOUT = 10.0  # seconds that a stage has to stop before it is killed

# Stages are forked from a process that has read their modules, which would take each of them 0.2 s. Libraries of
# macOS do not bear being forked.
processes: ForkServerContext | SpawnContext = (
    multiprocessing.get_context("spawn") if sys.platform == "darwin" else multiprocessing.get_context("forkserver")
)

logger = logging.getLogger(__name__)


def read_modules() -> None:
    """Begins to read what the stages need, in the process that they are to be forked from; does not wait for it.

    Raises SettingsError, naming TMPDIR, if that has no room for the socket that this process listens at.
    """
    if processes.get_start_method() == "forkserver":
        stages = [f"{stage}.__main__" for stage in ("producer", "worker", "exporter")]
        processes.set_forkserver_preload([__name__, *stages])
        try:
            ensure_running()
        except OSError as error:
            folder = tempfile.gettempdir()
            raise SettingsError(f"TMPDIR: cannot make a socket in '{folder}': {error}; name another folder") from error


def outcome(stage: str, settings: Mapping[str, str], options: Sequence[str]) -> int:
    """Runs a stage to its end; returns its exit code. Raises PipelineError if a signal ended it."""
    with running(stage, settings, options) as process:
        process.join()
        code = process.exitcode or 0
    if code < 0:
        raise PipelineError(f"the {stage} was ended by {signal.Signals(-code).name}; run it again to go on")
    return code


@contextmanager
def running(stage: str, settings: Mapping[str, str], options: Sequence[str]) -> Iterator[BaseProcess]:
    """A stage as a process, which is told to stop at the end of the block and killed if it does not.

    `settings` are added to its environment variables, `options` make up its command line.
    """
    process = processes.Process(target=_become, args=(stage, settings, options))
    process.start()
    try:
        yield process
    finally:
        process.terminate()
        process.join(STOP_TIMEOUT)
        if process.is_alive():
            logger.warning("the %s did not stop within %g s and is killed", stage, STOP_TIMEOUT)
            process.kill()
            process.join()


def _become(stage: str, settings: Mapping[str, str], options: Sequence[str]) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # Ctrl-C reaches the parent, which tells the stages
    threading.Thread(target=_end_with, args=(multiprocessing.parent_process(),), daemon=True).start()
    setproctitle(f"pipeline {stage}")
    os.environ.update(settings)
    sys.argv = [stage, *options]
    command.run(import_module(f"{stage}.__main__").main, f"python -m {stage}", ends_in_time=True)


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
