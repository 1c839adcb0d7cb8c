"""What people see who watch the stages on a terminal."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from contextlib import closing

import psycopg2

from pipeline import PROJECT
from tests.conftest import Commands, Pipeline, generate


def on_a_terminal(command: list[str], environment: dict[str, str], look: Callable[[str], None] = lambda _: None) -> str:
    """What a command shows on a terminal of 100 columns; `look` is called with all of it whenever there is more."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 40, 100, 0, 0))
    process = subprocess.Popen(command, cwd=PROJECT, env={**environment, "TERM": "xterm"}, stdout=slave, stderr=slave)
    os.close(slave)
    shown = b""
    while select.select([master], [], [], 60)[0]:
        try:
            shown += os.read(master, 65536)
        except OSError:  # the terminal is closed with the last process on it
            break
        look(shown.decode(errors="replace"))
    assert process.wait(10) == 0, shown.decode()
    os.close(master)
    return shown.decode()


def test_producer_and_exporter_show_a_bar(commands: Commands, pipeline: Pipeline) -> None:
    """No person can be loaded before the exporter shows its bar, which it does only if something is left."""
    generate(pipeline.data, people=2_000)
    environment = commands.services.environment
    arguments = ["--data", str(pipeline.data), "--chunk-rows", "100"]
    shown = on_a_terminal([sys.executable, "-m", "producer", *arguments], environment)
    assert re.search(r"queueing: 100%.*2\.11k/2\.11k .*rows/s", shown)
    with closing(psycopg2.connect(commands.services.database_url)) as connection:
        connection.cursor().execute("LOCK TABLE people IN SHARE MODE")
        worker = commands.start("worker", "--burst")

        def let_go_on(shown: str) -> None:
            if "loading:" in shown:
                connection.close()

        exporting = [sys.executable, "-m", "exporter", "--output", str(pipeline.data)]
        shown = on_a_terminal(exporting, environment, let_go_on)
    assert re.search(r"loading: 100%.*2\.11k/2\.11k .*rows/s", shown)
    assert worker.wait(10) == 0
    assert "loading:" not in on_a_terminal(exporting, environment), "nothing is left to be loaded"
