"""What a command reads before it does anything."""

import os
import subprocess
import sys

COMMANDS = """
import sys, pipeline.cli.commands, pipeline.cli.run
print(*sys.modules)
import producer.__main__, worker.__main__, exporter.__main__
print(*sys.modules)
"""


def test_the_command_line_reads_no_module_of_redis_and_no_stage_what_draws_or_reads_stores() -> None:
    ended = subprocess.run([sys.executable, "-c", COMMANDS], capture_output=True, text=True, check=True)
    command_line, stages = (set(line.split()) for line in ended.stdout.splitlines())
    assert "redis" not in command_line
    assert "redis" in stages
    assert stages & {"rich", "fsspec", "s3fs", "paramiko"} == set()


def test_a_key_prefix_that_rq_does_not_take_is_an_error_in_one_line() -> None:
    code = "import pipeline.queue"
    environment = {**os.environ, "RQ_KEY_PREFIX": "a b"}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    only = "only letters, digits, and _ . : - { } are allowed"
    assert (ended.returncode, ended.stderr) == (
        2,
        f"error: Invalid RQ_KEY_PREFIX 'a b': {only}; correct the setting\n",
    )
