"""Running a command: errors in one line, exit codes, and the connections that a stage starts with."""

import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from pipeline import interrupted, signals
from pipeline.cli import logs
from pipeline.cli.terminal import echo
from pipeline.cli.virtual_environment import check_not_copied
from pipeline.errors import PipelineError, TransientError
from pipeline.ledger import ledger
from pipeline.postgres.database import Database, cut_connections
from pipeline.waiting import naming, retry_at_start, retry_transient

if TYPE_CHECKING:
    from pipeline.queue import ChunkQueue

FAILED = 1  # exit code
INTERRUPTED = 130  # exit code
TERMINATED = 143  # exit code
USAGE = 2  # exit code
PROBLEMS_FOUND = 3  # exit code
TIMED_OUT = 4  # exit code
AFTER_OUTAGE = "start the server if it is down, then run it again"  # the remedy for what lasted longer than all retries


class Commands(click.Group):
    """A group whose error about an unknown command lists the commands."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            names = ", ".join(self.list_commands(ctx))
            raise click.UsageError(f"{error.message} Commands: {names}.", ctx) from error


def queue_of(database: Database, redis_url: str, name: str) -> "ChunkQueue":
    """The queue of a database's chunks.

    Raises SettingsError if one of the servers cannot be used, DrainTimeoutError if it does not serve in time.
    """
    from pipeline.queue import ChunkQueue  # reads the modules of Redis and RQ, which few commands need

    check(database)
    own = retry_transient(partial(_installation, database))
    return retry_at_start(lambda: ChunkQueue.at(redis_url, name, own), "REDIS_URL")


def queue_without_waiting(database: Database, redis_url: str, name: str) -> "Callable[[], ChunkQueue]":
    """Returns the queue of a database's chunks, connected at the first call that finds both servers.

    Without PostgreSQL, it is a queue that knows none of its jobs as the database's. A call raises TransientError while
    Redis does not serve, SettingsError if one of the servers cannot be used.
    """
    from pipeline.queue import ChunkQueue

    known: ChunkQueue | None = None

    def connect() -> ChunkQueue:
        nonlocal known
        if known is not None:
            return known
        own = ""
        with suppress(TransientError):
            naming(database.check, "DATABASE_URL")
            own = _installation(database)
        queue = naming(lambda: ChunkQueue.at(redis_url, name, own), "REDIS_URL")
        known = queue if own else None
        return queue

    return connect


def _installation(database: Database) -> str:
    with database.transaction() as tx:
        return ledger.installation(tx)


def check(database: Database) -> None:
    """Checks the database as Database.check does; waits START_TIMEOUT for a server that is not ready."""
    retry_at_start(database.check, "DATABASE_URL")


def run(
    command: click.Command,
    name: str,
    *,
    hard_deadline: bool = False,
    sigterm_code: int = TERMINATED,
    is_stage_of_run: bool = False,
) -> NoReturn:
    """Runs a command to its end and exits with the code that the README lists for the outcome.

    With `hard_deadline` the process ends a few seconds after a stop signal, even if a server does not answer.
    `sigterm_code` is the exit code for SIGTERM: 0 for a worker, which is done when it is told to stop. A stage of
    `pipeline run` logs nothing about the stop: the run gives the reason and the remedy.
    """
    exit_codes: dict[int, int] = {signal.SIGTERM: sigterm_code, signal.SIGINT: INTERRUPTED}
    try:
        signals.listen(cut_connections, exit_codes if hard_deadline else None, logs.log_uncaught)
        code = _exit_code(command, name)
        signals.ignore_signals()
    except signals.Stopped as stopped:
        code = exit_codes[stopped.number]
        if stopped.number == signal.SIGINT:
            if interrupted.log_format() == "text":
                echo("", err=True)  # below the ^C that the terminal shows
            _report_failure([interrupted.MESSAGE], code, stopped)
        elif not is_stage_of_run:
            logging.getLogger("pipeline").info("told to stop; run it again to go on")
    for number in signals.SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # while Python ends, it would have the process killed
    sys.exit(code)


def _exit_code(command: click.Command, name: str) -> int:
    try:
        check_not_copied(Path(sys.argv[0]))
        return command.main(prog_name=name, standalone_mode=False, max_content_width=100) or 0
    except click.ClickException as error:
        return _report_failure([" ".join(error.format_message().split())], USAGE, error)
    except TransientError as error:
        return _report_failure([f"{error}; {AFTER_OUTAGE}"], error.exit_code, error)
    except PipelineError as error:
        return _report_failure(error.lines, error.exit_code, error)
    except OSError as error:
        if error.filename is None:
            return _report_unexpected(error)
        where = os.fsdecode(error.filename)
        return _report_failure(
            [f"{where}: {error.strerror}; correct its name or its rights, or name another"], 1, error
        )
    except Exception as error:
        return _report_unexpected(error)


def _report_unexpected(error: Exception) -> int:
    return _report_failure([f"unexpected {type(error).__name__}: {error}; --debug shows where"], 1, error)


def _report_failure(messages: Sequence[str], code: int, error: BaseException) -> int:
    debug = "--debug" in sys.argv
    if interrupted.log_format() == "json":
        logs.configure("json", debug=debug)
        for message in messages:
            logging.getLogger("pipeline").error(message, exc_info=error if debug else None)
        return code
    if debug:
        echo(*"".join(traceback.format_exception(error)).rstrip().split("\n"), err=True)
    echo(*(f"error: {message}" for message in messages), err=True)
    return code
