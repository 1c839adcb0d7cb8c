"""The stages of a run as processes: how they are started and told to stop, and that none outlives its run."""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import pytest

from pipeline import PROJECT, signals
from pipeline.cli.stages import Member, StageProcesses
from pipeline.postgres.database import Database
from tests.conftest import Commands, Pipeline
from tests.end_to_end.conftest import has_ended, stages_of
from tests.forked import start_forked
from tests.support import generate, start_process, wait_until


def test_no_stage_outlives_a_run_that_is_killed(run: "subprocess.Popen[str]", pipeline: Pipeline) -> None:
    stages = stages_of(run)
    run.kill()
    run.communicate(timeout=10)
    wait_until(lambda: all(map(has_ended, stages)), 10)
    assert pipeline.queue.state().workers == 0


def test_a_run_says_by_what_its_producer_was_ended(run: "subprocess.Popen[str]") -> None:
    producer, *_ = stages_of(run)
    producer.kill()
    _, err = run.communicate(timeout=20)
    assert run.returncode == 1
    assert err.endswith("error: the producer was ended by signal 9 (Killed); run it again to go on\n")


def test_a_run_says_that_the_process_it_forks_from_has_ended(run: "subprocess.Popen[str]") -> None:
    stages = stages_of(run)
    parent = stages[0].parent()
    assert parent
    parent.kill()
    _, err = run.communicate(timeout=20)
    assert run.returncode == 1
    assert err.endswith("error: the process that the stages are forked from has ended; run it again to go on\n")
    assert all(map(has_ended, stages)), "a stage has outlived the run"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_to_all_at_once_is_answered_once_and_leaves_no_stage(
    run: "subprocess.Popen[str]", pipeline: Pipeline, number: int, code: int
) -> None:
    """As a terminal's Ctrl-C, and `timeout`."""
    stages = stages_of(run)
    os.killpg(run.pid, number)
    _, err = run.communicate(timeout=20)
    assert all(map(has_ended, stages))
    assert run.returncode == code, err
    assert err.count("interrupted") == (1 if number == signal.SIGINT else 0), err
    assert "Traceback" not in err
    assert "ignored" not in err
    assert pipeline.queue.state().workers == 0
    assert not pipeline.queue.state().producing


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("seconds", [0, 0.15, 0.3, 0.4])
def test_a_run_that_is_stopped_while_stages_start_shows_no_traceback(
    commands: Commands, pipeline: Pipeline, number: int, seconds: float
) -> None:
    """In a new Python, at moments chosen by the clock: each machine meets others, and all have the same answer."""
    generate(pipeline.data, people=1_000)
    command = [sys.executable, "-m", "pipeline", "run", "--data", str(pipeline.data), "--chunk-rows", "1"]
    run = start_process(command, commands.services.environment, own_group=True)
    wait_until(psutil.Process(run.pid).children)
    time.sleep(seconds)
    codes = {130 if number == signal.SIGINT else 143}
    if not handles_sigterm(run.pid):
        codes.add(-number)  # while modules are read, the signal ends Python: to a shell, that is the same code
    os.killpg(run.pid, number)
    _, err = run.communicate(timeout=20)
    assert run.returncode in codes, err
    assert "Traceback" not in err


def handles_sigterm(pid: int) -> bool:
    handled = re.search(r"^SigCgt:\s*(\w+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert handled
    return bool(int(handled[1], 16) >> (signal.SIGTERM - 1) & 1)


def test_all_stages_are_told_to_stop_at_once(run: "subprocess.Popen[str]", pipeline: Pipeline) -> None:
    """Each worker that waits for a lock takes 4 s to stop."""
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pipeline worker' AND wait_event_type = 'Lock'"
    )
    with closing(Database(pipeline.services.database_url, "test")) as database, database.transaction() as tx:
        tx.run("LOCK TABLE people IN ACCESS EXCLUSIVE MODE")
        wait_until(lambda: pipeline.rows(waiting) == [(2,)])
        run.send_signal(signal.SIGINT)
        start = time.monotonic()
        run.communicate(timeout=30)
        assert time.monotonic() - start < 7


def end_slowly(has_begun: Connection, alive: Connection) -> None:  # noqa: ARG001 (held until the process has ended)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    has_begun.send(True)
    signal.sigwait([signal.SIGTERM])
    time.sleep(0.5)


def test_a_first_signal_while_stages_stop_ends_no_wait_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would print behind the last line of the run, as when the disk of its servers is full."""
    monkeypatch.setattr(signals, "_is_heard", False)
    context = multiprocessing.get_context("fork")
    (begun, has_begun), (ended, alive) = context.Pipe(duplex=False), context.Pipe(duplex=False)
    process = context.Process(target=end_slowly, args=(has_begun, alive), daemon=True)
    process.start()
    alive.close()
    begun.recv()
    before = signal.signal(signal.SIGTERM, signals._stop)
    stages = StageProcesses({}, [])
    stages._members.append(Member(process, ended))
    with pytest.raises(signals.Stopped), stages:
        threading.Timer(0.2, signal.pthread_kill, (threading.get_ident(), signal.SIGTERM)).start()
    signal.signal(signal.SIGTERM, before)
    assert process.exitcode == 0


def test_a_temporary_folder_that_cannot_hold_a_socket_is_named(commands: Commands, pipeline: Pipeline) -> None:
    folder = pipeline.data / ("long" * 25)  # a socket's path has room for a hundred characters
    folder.mkdir()
    ended = commands.run("pipeline", "run", "--data", str(pipeline.data), TMPDIR=str(folder))
    assert ended.returncode == 2
    assert (
        "error: cannot start processes: AF_UNIX path too long; TMPDIR names the folder of the socket needed\n"
        in ended.stderr
    )


def test_a_run_that_is_stopped_while_it_says_what_a_stage_is_to_do_shows_no_traceback(
    commands: Commands, pipeline: Pipeline
) -> None:
    generate(pipeline.data, people=100)
    connect = forkserver.connect_to_new_process

    def interrupted(fds: Sequence[int]) -> tuple[int, int]:
        pipes: tuple[int, int] = connect(fds)
        os.kill(os.getpid(), signal.SIGINT)
        return pipes

    def alter() -> None:
        forkserver.connect_to_new_process = interrupted

    command = ["pipeline", "run", "--data", str(pipeline.data)]
    run = start_forked(command, commands.services.environment, preexec_fn=alter)
    _, err = run.communicate(timeout=60)
    first, *others = err.splitlines()
    assert "database: " in first
    assert (run.returncode, others) == (130, ["", "error: interrupted; run it again to go on"])


def test_stages_can_be_spawned_where_they_cannot_be_forked(commands: Commands, pipeline: Pipeline) -> None:
    """As on macOS. The script is in a file, as multiprocessing wants it."""
    generate(pipeline.data, people=100)
    script = (
        "import multiprocessing\n"
        "from pipeline.cli import stages\n"
        "from pipeline.__main__ import main\n"
        "if __name__ == '__main__':\n"
        "    stages.processes = multiprocessing.get_context('spawn')\n"
        "    stages.forkserver = None\n"
        "    main()\n"
    )
    file = pipeline.data / "altered.py"
    file.write_text(script)
    command = [sys.executable, str(file), "run", "--data", str(pipeline.data), "--workers", "1"]
    environment = commands.services.environment
    ended = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    assert "people.csv: 100 of 100 rows queued" in ended.stdout
    expected = (pipeline.data / "sample_output.json").read_bytes()
    assert (pipeline.data / "summary_output.json").read_bytes() == expected
