"""What a command reads before it does anything."""

import subprocess
import sys


def test_the_command_line_reads_no_redis_module() -> None:
    code = "import sys, pipeline.__main__, pipeline.cli.run; sys.exit('redis' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
