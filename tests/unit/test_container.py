"""The services of docker-compose.yml, which run their commands by `pipeline.cli.container`."""

import signal
from collections.abc import Iterator

import pytest

from pipeline.cli.container import Outcome, _run


@pytest.fixture
def kept_handlers() -> Iterator[None]:
    """`_run` forwards signals to its command."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("kept_handlers")
def test_a_command_that_is_killed_is_no_riddle(capfd: pytest.CaptureFixture[str]) -> None:
    """Its last line is not the reason."""
    reason = "it was ended by signal 9 (Killed); if `docker inspect` says OOMKilled, raise STAGE_MEMORY"
    assert _run("producer", ["sh", "-c", "echo queueing >&2; kill -9 $$"]) == Outcome(137, reason)
    assert capfd.readouterr().err == f"queueing\nerror: the producer failed: {reason}\n"


@pytest.mark.usefixtures("kept_handlers")
def test_the_last_line_of_a_command_that_fails_is_the_reason() -> None:
    assert _run("producer", ["sh", "-c", "echo 'error: no file' >&2; exit 2"]) == Outcome(2, "no file")
