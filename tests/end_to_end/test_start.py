"""Stages that start while a server does not serve: they wait a while for it, and say why if it stays so."""

import re
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import pytest

from pipeline import waiting
from pipeline.errors import DrainTimeoutError, SettingsError
from pipeline.postgres.database import Database
from pipeline.queue import ChunkQueue
from pipeline.waiting import retry_at_start
from tests.conftest import Commands, Pipeline, Services

Url = Callable[[Services], str]


def with_port(url: str, port: int) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{port}"))


def pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while received := source.recv(1 << 16):
            target.sendall(received)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def forwarded(port: int, url: str) -> Iterator[None]:
    """A server on this port that is the one at `url`."""
    parts = urlsplit(url)

    def serve(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = server.accept()
                far = socket.create_connection((parts.hostname, parts.port))
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=pump, args=pair, daemon=True).start()

    with socket.create_server(("127.0.0.1", port)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        yield


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def wait_for_line(process: "subprocess.Popen[str]", text: str) -> None:
    assert process.stderr
    assert any(text in line for line in process.stderr), f"the process ended without saying '{text}'"


@pytest.mark.parametrize("setting", ["DATABASE_URL", "REDIS_URL"])
def test_a_worker_that_starts_while_a_server_restarts_waits_for_it(commands: Commands, setting: str) -> None:
    url, port = commands.services.environment[setting], unused_port()
    worker = commands.start("worker", "--burst", **{setting: with_port(url, port)})
    wait_for_line(worker, "waiting for a server that may be starting: cannot ")
    with forwarded(port, url):
        wait_for_line(worker, "worker ready")
        worker.communicate(timeout=30)
    assert worker.returncode == 0


@pytest.mark.parametrize("setting", ["DATABASE_URL", "REDIS_URL"])
def test_a_server_that_is_not_there_is_waited_for_and_then_named_with_the_setting(
    commands: Commands, setting: str
) -> None:
    url = with_port(commands.services.environment[setting], 1)
    ended = commands.run("worker", **{setting: url}, START_TIMEOUT="0.5")
    assert ended.returncode == 4
    last = ended.stderr.splitlines()[-1]
    assert last.startswith(f"error: {setting}: cannot ")
    assert "127.0.0.1:1" in last
    assert re.search(r"[^.]; retried for [1-9] s; start the server or correct the setting$", last)


def test_a_run_whose_server_is_not_there_ends_as_its_stages_do(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.write(places="city,county,country\n")
    ended = commands.run("pipeline", "run", "--data", str(pipeline.data), REDIS_URL="redis://127.0.0.1:1/0")
    assert ended.returncode == 4
    assert "REDIS_URL: cannot use Redis at 127.0.0.1:1" in ended.stderr
    assert ended.stderr.count("waiting for a server that may be starting") == 1, "not once for each stage"
    assert "another one is started" not in ended.stderr


def test_a_run_and_its_stages_wait_as_long_as_the_flag_says(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.write(places="city,county,country\n")
    command = ("pipeline", "run", "--data", str(pipeline.data), "--start-timeout", "0.5")
    for setting, url in (
        ("DATABASE_URL", "postgresql://tests@127.0.0.1:1/none"),
        ("REDIS_URL", "redis://127.0.0.1:1/0"),
    ):
        ended = commands.run(*command, **{setting: url})
        assert ended.returncode == 4
        assert f"{setting}: cannot " in ended.stderr
        assert "127.0.0.1:1" in ended.stderr
        assert "; retried for 1 s; " in ended.stderr
        assert "another one is started" not in ended.stderr


@contextmanager
def refusing(fields: bytes) -> Iterator[str]:
    """The URL of a PostgreSQL that answers each connection with an error."""
    body = fields + b"\0"

    def serve(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                with connection:
                    connection.recv(1 << 10)
                    connection.sendall(b"E" + (len(body) + 4).to_bytes(4, "big") + body)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        yield f"postgresql://user@127.0.0.1:{server.getsockname()[1]}/name?sslmode=disable&gssencmode=disable"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("53300", "sorry, too many clients already"),
        ("53300", 'too many connections for role "invalid password"'),
        ("57P03", "the database system is starting up"),
    ],
)
def test_a_server_that_takes_no_connection_now_is_not_blamed_on_the_setting(
    monkeypatch: pytest.MonkeyPatch, code: str, message: str
) -> None:
    monkeypatch.setattr(waiting, "_start_limit", 0.2)
    fields = f"SFATAL\0VFATAL\0C{code}\0M{message}\0"
    with refusing(fields.encode()) as url, pytest.raises(DrainTimeoutError) as raised:
        retry_at_start(Database(url, "tests").connect, "DATABASE_URL")
    assert message in str(raised.value)
    assert str(raised.value).endswith("; run it again when the server serves")
    assert "DATABASE_URL" not in str(raised.value)


def role_without_login(services: Services) -> str:
    with psycopg2.connect(services.database_url) as connection, connection.cursor() as cursor:
        cursor.execute("DROP ROLE IF EXISTS cannot_log_in; CREATE ROLE cannot_log_in PASSWORD 'x'")
    return as_user(services, "cannot_log_in:x")


def as_user(services: Services, user: str) -> str:
    parts = urlsplit(services.database_url)
    return urlunsplit(parts._replace(netloc=f"{user}@{parts.netloc.rpartition('@')[2]}"))


@pytest.mark.parametrize(
    "url",
    [
        lambda services: as_user(services, "pipeline:wrong"),
        lambda services: as_user(services, "pipeline"),
        lambda services: as_user(services, "unknown:x"),
        lambda services: f"{services.database_url}_unknown",
        role_without_login,
        lambda _: "postgresql://u:p@host.invalid/name",
        lambda services: f"{services.database_url}?sslmode=require",
        lambda services: f"{services.database_url}?sslmode=maybe",
    ],
    ids=["password", "no password", "user", "database", "no login", "host", "no TLS", "parameter"],
)
def test_what_no_waiting_can_make_right_ends_at_once(
    services: Services, caplog: pytest.LogCaptureFixture, url: Url
) -> None:
    with pytest.raises(SettingsError, match=r"^DATABASE_URL: .*; correct the setting$"):
        retry_at_start(Database(url(services), "tests").connect, "DATABASE_URL")
    assert caplog.messages == []


@pytest.mark.parametrize("login", [":wrong", "", "unknown:x"], ids=["password", "no password", "user"])
def test_a_login_that_redis_refuses_ends_at_once(
    services: Services, caplog: pytest.LogCaptureFixture, login: str
) -> None:
    parts = urlsplit(services.redis_url)
    host = parts.netloc.rpartition("@")[2]
    url = urlunsplit(parts._replace(netloc=f"{login}@{host}" if login else host))
    with pytest.raises(SettingsError, match=r"^REDIS_URL: .*; correct the setting$"):
        retry_at_start(lambda: ChunkQueue.at(url, "chunks", "installation"), "REDIS_URL")
    assert caplog.messages == []


def test_a_name_of_another_host_that_redis_is_said_to_be_on_ends_at_once() -> None:
    with pytest.raises(SettingsError, match=r"^REDIS_URL: .*; correct the setting$"):
        retry_at_start(lambda: ChunkQueue.at("redis://host.invalid", "chunks", "installation"), "REDIS_URL")


@pytest.mark.parametrize(
    ("setting", "attempt"),
    [
        ("DATABASE_URL", Database("postgresql://u:p@container-away/name", "tests").connect),
        ("REDIS_URL", lambda: ChunkQueue.at("redis://container-away", "chunks", "installation")),
    ],
    ids=["PostgreSQL", "Redis"],
)
def test_the_name_of_a_container_that_does_not_run_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, setting: str, attempt: Callable[[], object]
) -> None:
    monkeypatch.setattr(waiting, "_start_limit", 0.2)
    with pytest.raises(
        DrainTimeoutError, match=f"^{setting}: .*container-away.*; start the server or correct the setting"
    ):
        retry_at_start(attempt, setting)
