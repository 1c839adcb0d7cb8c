"""`python -m pipeline.cli.container SERVICE COMMAND...`: runs a service of docker-compose.yml in its turn.

Containers wait for each other here, not by conditions of `depends_on`: docker-compose 1.29 shows nothing until every
container has started, and hides why one has failed. Every stage waits for the outcome of the schema, and the exporter
for that of the producer of the same `up`; under `run` there is none, and the exporter starts at once.

Schema and producer of an `up` tell their outcome over a connection: no outcome of an earlier `up` can be taken for it,
and a container that was killed is noticed. They stay until the exporter has ended, since `up --exit-code-from exporter`
stops everything when the first container ends.
"""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from types import FrameType
from typing import NoReturn

from pipeline.cli import logs
from pipeline.cli.terminal import echo
from pipeline.exit_status import describe_end

SCHEMA, PRODUCER, EXPORTER = "schema", "producer", "exporter"  # services, and their names in DNS
RESTARTED = frozenset({"worker", "monitor"})  # services that the engine starts again when they end
PORT = 7411  # where outcomes are told, in the network of the containers alone
START_GRACE = 30.0  # seconds within which the other containers of an `up` have started
CONNECT_TIMEOUT = 5.0  # seconds
POLL_INTERVAL = 0.2  # seconds
END_PAUSE = 1.0  # seconds after the exporter's end, so that compose sees it end first
RESTART_PAUSE = 10.0  # seconds until a service without a schema ends, to be started again
# What ends a connection whose other end is gone without a word, within about ten seconds; in seconds and a count.
KEEPALIVE = {socket.TCP_KEEPIDLE: 4, socket.TCP_KEEPINTVL: 2, socket.TCP_KEEPCNT: 3}
# What may be behind a login that PostgreSQL refuses to its owner, whose password the schema's container has.
REFUSED_LOGIN = "password authentication failed"
REFUSED_LOGIN_HINT = (
    "the volume of PostgreSQL keeps the POSTGRES_PASSWORD of the first start: set that again, or give the server the"
    " new one with `docker-compose exec postgres psql -h /run/postgresql -U pipeline -c '\\password'`"
)
KILLED_HINT = "if `docker inspect` says OOMKilled, raise STAGE_MEMORY"
ASKS, STAYS = b"asks\n", b"stays\n"  # what a client says first: that it goes with the outcome, or is the exporter

logger = logging.getLogger("pipeline.cli.container")


@dataclass(frozen=True)
class Outcome:
    """How a stage ended."""

    exit_code: int
    reason: str  # its last line on stderr, if it failed


KILLED = Outcome(1, "its container was killed before it was done")


def main(service: str, command: list[str]) -> NoReturn:
    """Runs the command of a service when it is its turn; exits with the command's code, or why it had no turn."""
    log_format = os.environ.get("LOG_FORMAT", "text")
    logs.configure(log_format if log_format in logs.FORMATS else "text", debug=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit)
    of_up = _is_of_up(service)
    if of_up and service in (SCHEMA, PRODUCER):
        _run_and_serve_outcome(service, command)
    _wait_for(service, of_up)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    os.execvp(command[0], command)  # noqa: S606


def _exit(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    sys.exit(128 + number)


def _is_of_up(service: str) -> bool:
    """Whether `up` made this container. Containers of `run` have no service name in the network."""
    return bool(set(_addresses(socket.gethostname())) & set(_addresses(service)))


def _addresses(name: str) -> list[str]:
    with suppress(OSError):
        return socket.gethostbyname_ex(name)[2]
    return []


# Waiting ----------------------------------------------------------------------------------------


def _wait_for(service: str, of_up: bool) -> None:
    """Waits for a service, and exits if it failed."""
    stays = service == EXPORTER and of_up
    schema = _outcome(SCHEMA, is_coming=False, stays=stays)
    if schema and schema.exit_code:
        if service in RESTARTED:
            logger.error("the schema failed: %s", schema.reason)
            time.sleep(RESTART_PAUSE)
            sys.exit(schema.exit_code)
        _fail(f"the schema failed: {schema.reason}", schema.exit_code)
    if not stays:
        return
    logger.info("waiting for the producer")
    producer = _outcome(PRODUCER, is_coming=True, stays=True)
    if producer is None:
        _fail(
            f"no producer has started within {START_GRACE:.0f} s; start it along with the exporter,"
            " or run the exporter alone with `docker-compose run --rm exporter`"
        )
    if producer.exit_code:
        _fail(f"the producer failed: {producer.reason}", producer.exit_code)


def _outcome(service: str, *, is_coming: bool, stays: bool) -> Outcome | None:
    """The outcome of a service, when there is one; None if no container of it runs.

    One that `is_coming` has START_GRACE to start. If this container `stays`, the other one does so until its end.
    """
    end = time.monotonic() + START_GRACE
    has_come = False
    while time.monotonic() < end:
        is_there = bool(_addresses(service))
        if not is_there and (has_come or not is_coming):
            return KILLED if has_come else None
        has_come = is_there
        with suppress(OSError):
            connection = socket.create_connection((service, PORT), CONNECT_TIMEOUT)
            _keep_alive(connection)
            connection.sendall(STAYS if stays else ASKS)
            with connection.makefile() as answer:
                line = answer.readline()
            if stays:
                os.set_inheritable(connection.detach(), True)  # open until the command has ended
            else:
                connection.close()
            return Outcome(**json.loads(line)) if line else KILLED
        time.sleep(POLL_INTERVAL)
    return None


def _keep_alive(connection: socket.socket) -> None:
    connection.settimeout(None)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE.items():
        connection.setsockopt(socket.IPPROTO_TCP, option, value)


def _fail(message: str, code: int = 1) -> NoReturn:
    _show_error(message)
    sys.exit(code)


def _show_error(message: str) -> None:
    if os.environ.get("LOG_FORMAT") == "json":
        logger.error(message)
    else:
        echo(f"error: {message}", err=True)


# Telling ----------------------------------------------------------------------------------------


class OutcomeServer:
    """Sends the outcome to all who connect, even before it is known, and notes when the exporter has ended."""

    def __init__(self) -> None:
        self._server = socket.create_server(("", PORT))
        self._outcome = b""
        self._is_known = threading.Event()
        self._exporter_came = threading.Event()
        self._exporter_ended = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def set_outcome(self, outcome: Outcome) -> None:
        self._outcome = json.dumps(asdict(outcome)).encode() + b"\n"
        self._is_known.set()

    def stay(self) -> bool:
        """Waits until the exporter has ended or did not start in time; returns whether it started."""
        if not self._exporter_came.wait(START_GRACE):
            return False
        self._exporter_ended.wait()
        return True

    def _accept(self) -> None:
        while True:
            connection, _ = self._server.accept()
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        stays = False
        with suppress(OSError), connection:
            _keep_alive(connection)
            stays = connection.recv(len(STAYS)) == STAYS
            if stays:
                self._exporter_came.set()
            self._is_known.wait()
            connection.sendall(self._outcome)
            connection.recv(1)  # until the other end is closed
        if stays:
            self._exporter_ended.set()


def _run_and_serve_outcome(service: str, command: list[str]) -> NoReturn:
    """Runs the command, serves its outcome until the exporter has ended, and exits with the command's code."""
    server = OutcomeServer()
    schema = _outcome(SCHEMA, is_coming=False, stays=False) if service == PRODUCER else None
    if schema and schema.exit_code:
        outcome = Outcome(schema.exit_code, f"the schema failed: {schema.reason}")
        _show_error(outcome.reason)
    else:
        outcome = _run(service, command)
    server.set_outcome(outcome)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(outcome.exit_code))
    if server.stay():
        time.sleep(END_PAUSE)
        if service == PRODUCER:
            logger.info(
                "servers and workers keep running; Ctrl-C stops them, `docker-compose down` removes their containers"
            )
    sys.exit(outcome.exit_code)


def _run(service: str, command: list[str]) -> Outcome:
    """Runs the command to its end. Forwards signals to it, and its stderr to this process's."""
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace")  # noqa: S603
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: child.send_signal(number))
    line, hint = "", ""
    for line in child.stderr or ():
        sys.stderr.write(line)
        if service == SCHEMA and REFUSED_LOGIN in line and not hint:
            hint = REFUSED_LOGIN_HINT
            logger.warning(hint)
    code = child.wait()
    exit_code = code if code >= 0 else 128 - code
    if code == -signal.SIGKILL:
        outcome = Outcome(exit_code, f"it {describe_end(code)}; {KILLED_HINT}")
        _show_error(f"the {service} failed: {outcome.reason}")
        return outcome
    reason = _message(line.rstrip("\n")) or f"exit code {exit_code}"
    return Outcome(exit_code, f"{reason}; {hint}" if hint else reason)


def _message(line: str) -> str:
    """The message of a line on stderr, in text or JSON."""
    with suppress(ValueError, LookupError, TypeError):
        return str(json.loads(line)["message"])
    return line.removeprefix("error: ")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
