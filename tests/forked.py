"""Commands as processes that are forked from the tests, which have read the commands' modules already.

A new Python needs 0.2 to 0.5 s of CPU to read them. A forked command is a process like any other: it has its own
streams, variables, exit code and signals. What tests the start of Python itself starts a new one: `start_process`.
"""

import gc
import itertools
import logging
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from multiprocessing import util
from typing import Any, NoReturn

from setproctitle import getproctitle

from pipeline import PROJECT, signals
from pipeline.pages import render
from producer.sources import find_sources

MODULES = ("exporter.__main__", "monitor.__main__", "pipeline.__main__", "producer.__main__", "worker.__main__")
# What the commands read later on, each in a process of its own.
LATER_MODULES = (
    *("inspection.check", "inspection.describe", "inspection.first_package", "inspection.reports"),
    *(
        "pipeline.cli.commands",
        "pipeline.cli.run",
        "pipeline.embedded.servers",
        "pipeline.embedded.watch",
        "pipeline.forgetting",
    ),
    *("pipeline.cli.load_screen", "pipeline.cli.status_screen", "pipeline.queue.dashboard"),
    *("encodings.iso8859_1", "encodings.cp1252", "uvicorn"),
)


def start_forked(
    command: Sequence[str], environment: Mapping[str, str], *, own_group: bool = False, **options: Any
) -> "subprocess.Popen[Any]":
    """Starts what `python -m COMMAND...` starts, in the project's folder, with these variables alone.

    `options` are those of Popen; by default, output is piped, as text. `preexec_fn` is called before all else.
    """
    _read_modules()
    getproctitle()  # finds the memory of the title, which it does not where variables have changed
    prepare = options.pop("preexec_fn", None)
    return subprocess.Popen(
        ["python", "-m", *command],  # a name for messages: `_run` never returns
        **{"cwd": PROJECT, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options},
        process_group=0 if own_group else None,
        restore_signals=False,  # Python ignores SIGPIPE
        preexec_fn=lambda: _run(command, environment, prepare),
    )


@cache
def _read_modules() -> None:
    """Also compiles the templates of the pages, which takes 0.1 s of CPU, and reads the project's own description."""
    for module in (*MODULES, *LATER_MODULES):
        import_module(module)
    find_sources(PROJECT / "data", ())
    render.compile_templates()


def run_forked(
    command: Sequence[str], environment: Mapping[str, str], *, timeout: float = 60, stdin: str = ""
) -> "subprocess.CompletedProcess[str]":
    """What a command printed, and its exit code; it reads `stdin`, and is killed after `timeout` seconds."""
    with start_forked(command, environment, stdin=subprocess.PIPE) as process:
        try:
            out, err = process.communicate(stdin, timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def _run(command: Sequence[str], environment: Mapping[str, str], prepare: Callable[[], object] | None) -> NoReturn:
    if prepare:
        prepare()
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))  # also tells subprocess that the process has started
    _leave_tests(environment)
    module, *arguments = command
    sys.argv = [f"{module}/__main__.py", *arguments]
    spec = find_spec(module)
    is_package = spec is not None and spec.submodule_search_locations is not None
    sys.modules.pop(f"{module}.__main__" if is_package else module, None)  # read again, as __main__
    _exit_after(lambda: runpy.run_module(module, run_name="__main__", alter_sys=True))


def _leave_tests(environment: Mapping[str, str]) -> None:
    """Begins as a new Python does: with other variables and streams, and without objects and settings of the tests."""
    gc.freeze()  # no object of the tests is ever collected, so none closes what it thinks is its own
    gc.enable()
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # looked up again, in these variables
    sys.path.insert(0, os.getcwd())  # as -m does
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.excepthook = sys.__excepthook__
    logging.root.handlers.clear()
    warnings.resetwarnings()
    for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
        warnings.simplefilter("ignore", category)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    util.spawnv_passfds = _start_fork_server  # type: ignore[assignment]


def _exit_after(function: Callable[[], object]) -> NoReturn:
    """Runs a function and ends the process as Python does, but does not do what the tests leave for their end."""
    code = 1
    try:
        function()
        code = 0
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
        else:
            code = end.code or 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):  # no one reads it, or it is closed
                stream.flush()
        os._exit(code)


def _start_fork_server(_: str, arguments: Sequence[str], descriptors: Sequence[int]) -> int:
    """In place of multiprocessing's function, which starts a new Python for `python -c CODE`; returns the process."""
    if pid := os.fork():
        return pid
    kept = sorted({0, 1, 2, *descriptors})
    for before, after in itertools.pairwise([*kept, os.sysconf("SC_OPEN_MAX")]):
        os.closerange(before + 1, after)
    signal.set_wakeup_fd(-1)
    for number in signals.SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signals._is_heard = False
    util._finalizer_registry.clear()  # type: ignore[attr-defined]
    _exit_after(lambda: exec(arguments[-1], {}))  # noqa: S102
