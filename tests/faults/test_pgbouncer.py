"""PgBouncer between the stages and PostgreSQL."""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import pytest

from pipeline.embedded.account import Account
from pipeline.errors import SettingsError
from pipeline.postgres.database import Database
from tests.conftest import Commands, Pipeline, Services
from tests.faults.conftest import OwnServers, Run
from tests.faults.required import unavailable
from tests.faults.valkeys import HOST, free_port
from tests.support import wait_until

BUSY = 4  # other clients of the pool
ATTEMPTS = 20

Pooled = Callable[[str], Services]


@contextmanager
def pgbouncer(services: Services, folder: Path, mode: str) -> Iterator[Services]:
    """The services, with a pool of this mode before PostgreSQL."""
    binary = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
    if binary is None:
        unavailable("there is no pgbouncer on this machine")
    account, server, port = Account(), urlsplit(services.database_url), free_port()
    account.own_folder(folder)
    (folder / "users").write_text(f'"{server.username}" "{server.password}"\n')
    config = folder / "pgbouncer.ini"
    config.write_text(
        f"[databases]\n* = host={server.hostname} port={server.port}\n[pgbouncer]\npool_mode = {mode}\n"
        f"listen_addr = {HOST}\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = scram-sha-256\nauth_file = {folder / 'users'}\n"
    )
    pooled = urlunsplit(server._replace(netloc=f"{server.username}:{server.password}@{HOST}:{port}"))
    process = account.start([binary, config], folder, folder.with_suffix(".log"))
    try:
        wait_until(lambda: _answers(pooled))
        yield Services(pooled, services.redis_url)
    finally:
        process.terminate()
        process.wait(10)


def _answers(url: str) -> bool:
    try:
        psycopg2.connect(url).close()
    except psycopg2.OperationalError:
        return False
    return True


@pytest.fixture
def pooled(run: Run, servers: OwnServers) -> Iterator[Pooled]:
    """Starts a pool of a mode; its folder is where the server's account can go."""
    with ExitStack() as stack:
        yield lambda mode: stack.enter_context(
            pgbouncer(run.pipeline.services, servers.state / f"pgbouncer-{free_port()}", mode)
        )


def test_a_load_through_a_pool_of_sessions_is_exact(run: Run, pooled: Pooled) -> None:
    services = pooled("session")
    pipeline = Pipeline(services, run.pipeline.data)
    through_pool = Run(Commands(services), pipeline, run.servers)
    try:
        through_pool.start_workers()
        through_pool.finish(through_pool.produce(), through_pool.export())
        through_pool.check_first_load()
    finally:
        through_pool.end()
        pipeline.close()


@pytest.mark.parametrize(
    ("mode", "stage"),
    [
        *(("transaction", stage) for stage in ("producer", "worker", "exporter", "monitor", "pipeline schema")),
        ("statement", "worker"),
    ],
)
def test_a_pool_of_transactions_is_refused_at_start(pooled: Pooled, mode: str, stage: str) -> None:
    ended = Commands(pooled(mode)).run(*stage.split())
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: DATABASE_URL: a pooler at 127.0.0.1:")
    assert ended.stderr.endswith(
        " gives each transaction another session of PostgreSQL, as PgBouncer does with pool_mode=transaction, or allows"
        " none, as with pool_mode=statement; set pool_mode=session for this database, or name PostgreSQL itself\n"
    )


def test_a_pool_of_transactions_is_refused_while_others_use_it(pooled: Pooled) -> None:
    services, done = pooled("transaction"), threading.Event()

    def use() -> None:
        with closing(psycopg2.connect(services.database_url)) as connection:
            while not done.is_set():
                connection.cursor().execute("SELECT pg_sleep(0.001)")
                connection.commit()

    others = [threading.Thread(target=use) for _ in range(BUSY)]
    for other in others:
        other.start()
    try:
        for _ in range(ATTEMPTS):
            with closing(Database(services.database_url, "worker")) as database, pytest.raises(SettingsError):
                database.connect()
    finally:
        done.set()
        for other in others:
            other.join()


def test_a_pool_of_transactions_is_left_as_it_was(pooled: Pooled) -> None:
    """Others use the same sessions: no setting of a stage may stay there."""
    services = pooled("transaction")
    with closing(psycopg2.connect(services.database_url)) as connection:
        cursor = connection.cursor()
        for _ in range(2):
            cursor.execute("SHOW lock_timeout")
            assert cursor.fetchone() == ("0",)
            connection.commit()
            with closing(Database(services.database_url, "worker")) as database, pytest.raises(SettingsError):
                database.connect()
