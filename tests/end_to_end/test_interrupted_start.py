"""Ctrl-C while a command still reads its modules."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import PROJECT
from tests.support import hear_sigint

SLOW_MODULE = "import sys, time\nprint('reading', flush=True)\ntime.sleep(60)\n"


def interrupted(arguments: list[str], cwd: Path, environment: dict[str, str]) -> tuple[str, str]:
    """What a new Python prints from a Ctrl-C on, which comes when it prints that it reads a module, and ends it."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_sigint,
    )
    assert process.stdout
    assert process.stdout.readline() == "reading\n"
    process.send_signal(signal.SIGINT)
    ended = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGINT  # 130 to a shell
    return ended


@pytest.mark.parametrize("command", ["pipeline", "producer", "worker", "exporter", "monitor"])
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_ctrl_c_while_modules_are_read_is_answered_in_a_line(command: str, log_format: str, tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text(SLOW_MODULE)
    path = os.pathsep.join((str(tmp_path), str(PROJECT)))
    _, err = interrupted(["-m", command], tmp_path, {"PYTHONPATH": path, "LOG_FORMAT": log_format})
    [line] = err.strip().splitlines()
    if log_format == "json":
        assert json.loads(line)["message"] == "interrupted; run it again to go on"
    else:
        assert line == "error: interrupted; run it again to go on"


def test_ctrl_c_while_psycopg2_reads_its_modules_is_answered_after_it(tmp_path: Path) -> None:
    """It ignores what is raised while it reads ssl: the command would go on."""
    (tmp_path / "ssl.py").write_text("import time\nprint('reading', flush=True)\ntime.sleep(1)\n")
    command = "import pipeline.postgres.database\nprint('it has gone on')"
    out, err = interrupted(["-c", command], PROJECT, {"PYTHONPATH": str(tmp_path)})
    assert out == ""
    assert err == "\nerror: interrupted; run it again to go on\n"
