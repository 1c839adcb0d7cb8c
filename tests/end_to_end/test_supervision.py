"""`pipeline run` and its workers: those that end are replaced, up to a limit."""

import signal
import subprocess
import time
from dataclasses import replace

import psutil
import pytest

from tests.conftest import Commands, Pipeline, held
from tests.end_to_end.conftest import LOADING, StartRun, has_ended, stages_of, title
from tests.support import expected_people, generate, wait_until


def workers_of(run: "subprocess.Popen[str]") -> list[psutil.Process]:
    return [stage for stage in stages_of(run) if title(stage) == "pipeline worker"]


def test_a_run_whose_workers_are_all_killed_starts_others_and_completes(start: StartRun, pipeline: Pipeline) -> None:
    """One of them by SIGTERM, by which a worker ends with exit code 0."""
    run = start(chunk_rows=20, people=1_500)
    wait_until(
        lambda: pipeline.rows("SELECT count(*) > 3 FROM load_chunks WHERE committed_at IS NOT NULL") == [(True,)]
    )
    wait_until(lambda: [title(stage) for stage in stages_of(run)] == LOADING)
    killed, told = workers_of(run)
    killed.kill()
    told.terminate()
    wait_until(lambda: len({*workers_of(run)} - {killed, told}) == 2, 5)
    _, err = run.communicate(timeout=60)
    assert run.returncode == 0, err
    assert f"a worker (process {killed.pid}) was ended by signal 9 (Killed); another one is started\n" in err
    assert f"a worker (process {told.pid}) ended with exit code 0; another one is started\n" in err
    assert held(pipeline) == expected_people(pipeline.data)
    summary = (pipeline.data / "summary_output.json").read_bytes()
    assert summary == (pipeline.data / "sample_output.json").read_bytes()


def test_a_run_whose_workers_are_killed_again_and_again_ends_with_the_reason(run: "subprocess.Popen[str]") -> None:
    stages = {*stages_of(run)}
    start = time.monotonic()
    while run.poll() is None and time.monotonic() < start + 30:
        for worker in workers_of(run):
            stages.add(worker)
            worker.kill()
        time.sleep(0.05)
    _, err = run.communicate(timeout=20)
    assert run.returncode == 1
    assert err.endswith(
        "error: 7 workers ended within 30 s; the last one was ended by signal 9 (Killed); correct what ends them"
        " (see the lines above, and the system's log if memory ran out: fewer --workers need less), then run it again"
        " to go on\n"
    )
    assert all(map(has_ended, stages))


def test_a_run_whose_settings_no_worker_can_use_ends_at_once(commands: Commands, pipeline: Pipeline) -> None:
    generate(pipeline.data, people=100)
    url = "redis://host.invalid/0"
    ended = replace(commands, timeout=10).run("pipeline", "run", "--data", str(pipeline.data), REDIS_URL=url)
    assert ended.returncode == 2
    assert "REDIS_URL: cannot use Redis at host.invalid:6379" in ended.stderr
    assert "another one is started" not in ended.stderr


def test_a_run_whose_producer_is_told_to_stop_has_its_exit_code(run: "subprocess.Popen[str]") -> None:
    producer, *_ = stages_of(run)
    producer.send_signal(signal.SIGTERM)
    _, err = run.communicate(timeout=20)
    assert run.returncode == 143, err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)])
def test_a_run_that_is_told_to_stop_gives_its_advice_once(run: "subprocess.Popen[str]", number: int, code: int) -> None:
    run.send_signal(number)
    _, err = run.communicate(timeout=30)
    assert run.returncode == code
    assert err.count("run it again to go on") == 1, err
