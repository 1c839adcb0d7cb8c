"""The whole pipeline on this machine: producer, workers and exporter, each a process of its own."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pipeline.database import Database
from pipeline.embedded import servers
from pipeline.schema import apply_schema

STOP_TIMEOUT = 10.0  # seconds that a worker has to finish its chunk before it is killed

logger = logging.getLogger(__name__)


def run(state: Path | None, workers: int, environment: Mapping[str, str]) -> int:
    """Producer, `workers` workers and exporter to the end; returns the exit code of the first that failed.

    DATABASE_URL and REDIS_URL in `environment` name the servers; where one is not set, embedded servers
    with their state in `state` (default: the project's) are started for the run.
    """
    with ExitStack() as stack:
        settings = dict(environment)
        if not {"DATABASE_URL", "REDIS_URL"} <= settings.keys():
            embedded = stack.enter_context(servers.running(state or servers.default_state()))
            settings.setdefault("DATABASE_URL", embedded.database_url)
            settings.setdefault("REDIS_URL", embedded.redis_url)
        apply_schema(Database(settings["DATABASE_URL"], "schema"))
        # All at once, since each takes a while to read its modules; the producer first, whom the others wait for.
        producer = stack.enter_context(_process(settings, "producer"))
        loading = [stack.enter_context(_process(settings, "worker", "--until-stdin-closes")) for _ in range(workers)]
        exporter = stack.enter_context(_process(settings, "exporter", "--after-line-on-stdin"))
        code = producer.wait()
        exporter.communicate(None if code else b"the producer is done\n")  # without a line it ends
        for worker in loading:
            worker.terminate()  # all at once; the end of the block waits for each
        return code or exporter.returncode


@contextmanager
def _process(settings: Mapping[str, str], stage: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A stage as a process, which is told to stop at the end of the block and killed if it does not.

    Its standard input is a pipe that closes with this process, also when this process is killed.
    """
    command = [sys.executable, "-m", stage, *options]
    environment = {**os.environ, **settings}
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE)  # noqa: S603 (a stage, without a shell)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            logger.warning("the %s did not stop within %g s and is killed", stage, STOP_TIMEOUT)
            process.kill()
            process.wait()
