"""What a command reads before it does anything."""

import os
import subprocess
import sys


def test_the_command_line_reads_no_redis_module() -> None:
    code = "import sys, pipeline.__main__, pipeline.cli.run; sys.exit('redis' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_what_draws_on_a_terminal_is_read_on_a_terminal_alone() -> None:
    modules = ", ".join(f"{stage}.__main__" for stage in ("pipeline", "producer", "worker", "exporter"))
    code = f"import sys, {modules}, pipeline.cli.run; sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_what_reads_stores_is_read_for_a_url_alone() -> None:
    code = "import sys, producer.__main__; sys.exit(bool({'fsspec', 's3fs', 'paramiko'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_key_prefix_that_rq_does_not_take_is_an_error_in_one_line() -> None:
    code = "import pipeline.queue"
    environment = {**os.environ, "RQ_KEY_PREFIX": "a b"}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    only = "only letters, digits, and _ . : - { } are allowed"
    assert (ended.returncode, ended.stderr) == (
        2,
        f"error: Invalid RQ_KEY_PREFIX 'a b': {only}; correct the setting\n",
    )
