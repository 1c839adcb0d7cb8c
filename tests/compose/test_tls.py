"""TLS by the URLs alone: the real commands against servers that answer to nothing else, with an authority of their own.

Redis speaks TLS itself. Before PostgreSQL, of which not every build can, a front does as a server with `ssl=on`.
"""

import select
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from tests.compose.conftest import docker, free_port, succeeds
from tests.conftest import PEOPLE, PLACES, Commands, Services
from tests.support import wait_until

HOST = "localhost"  # what the certificate says
OTHER_HOST = "127.0.0.1"  # the same server by a name that the certificate does not say
PASSWORD = "secret"
SSL_REQUEST = bytes.fromhex("00000008 04d2162f")  # what a client of PostgreSQL asks for TLS with; the answer is S
REDIS_OPTIONS = (
    *("--port", "0", "--tls-port", "6379", "--tls-auth-clients", "no", "--requirepass", PASSWORD),
    *("--tls-cert-file", "/tls/server.pem", "--tls-key-file", "/tls/server.key", "--tls-ca-cert-file", "/tls/ca.pem"),
)


class TlsFront(socketserver.ThreadingTCPServer):
    """Takes connections to PostgreSQL over TLS and to nothing else, and passes them on to a server without."""

    daemon_threads = True

    def __init__(self, certificate: trustme.LeafCert, server_port: int) -> None:
        super().__init__(("127.0.0.1", 0), _PassedOn)
        self.server_port = server_port
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        certificate.configure_cert(self.context)


class _PassedOn(socketserver.BaseRequestHandler):
    server: TlsFront

    def handle(self) -> None:
        if self.request.recv(len(SSL_REQUEST), socket.MSG_WAITALL) != SSL_REQUEST:
            return
        self.request.sendall(b"S")
        try:
            client = self.server.context.wrap_socket(self.request, server_side=True)
        except OSError:  # the client does not trust the certificate
            return
        with client, socket.create_connection(("127.0.0.1", self.server.server_port)) as server:
            while True:
                readable = [client] if client.pending() else select.select([client, server], [], [])[0]
                for source in readable:
                    received = source.recv(65536)
                    if not received:
                        return
                    (server if source is client else client).sendall(received)


@dataclass(frozen=True)
class TlsServers:
    """PostgreSQL and Redis with a certificate of one authority, and another authority that has signed neither."""

    authority: Path
    stranger: Path
    postgres_port: int
    redis_port: int

    def database_url(self, host: str = HOST, authority: Path | None = None) -> str:
        trust = f"sslmode=verify-full&sslrootcert={authority or self.authority}"
        return f"postgresql://postgres:{PASSWORD}@{host}:{self.postgres_port}/postgres?{trust}"

    def redis_url(self, host: str = HOST, authority: Path | None = None) -> str:
        return f"rediss://:{PASSWORD}@{host}:{self.redis_port}/0?ssl_ca_certs={authority or self.authority}"


@pytest.fixture(scope="module")
def tls(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServers]:  # noqa: ARG001
    folder = tmp_path_factory.mktemp("tls")
    folder.chmod(0o755)  # Redis, in its container, is another user
    authority, stranger = trustme.CA(), trustme.CA()
    certificate = authority.issue_cert(HOST)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    stranger.cert_pem.write_to_path(folder / "stranger.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "server.pem")
    certificate.private_key_pem.write_to_path(folder / "server.key")
    with ExitStack() as started:

        def start(published: str, *command: str) -> str:
            container = docker("create", "--publish", f"127.0.0.1:{published}", *command).strip()
            started.callback(docker, "rm", "--force", "--volumes", container)
            docker("start", container)
            return container

        redis_port, plain_port = free_port(), free_port()
        settings = ("--volume", f"{folder}:/tls:ro", "--env", f"REDISCLI_AUTH={PASSWORD}")
        redis = start(f"{redis_port}:6379", *settings, "redis:7-bookworm", "redis-server", *REDIS_OPTIONS)
        postgres = start(f"{plain_port}:5432", "--env", f"POSTGRES_PASSWORD={PASSWORD}", "postgres:18-bookworm")
        front = started.enter_context(TlsFront(certificate, plain_port))
        threading.Thread(target=front.serve_forever, daemon=True).start()
        started.callback(front.shutdown)
        wait_until(lambda: succeeds("docker", "exec", redis, "redis-cli", "--tls", "--cacert", "/tls/ca.pem", "ping"))
        wait_until(lambda: succeeds("docker", "exec", postgres, "pg_isready", "--host=127.0.0.1"))
        yield TlsServers(folder / "ca.pem", folder / "stranger.pem", front.server_address[1], redis_port)


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, str]:
    """A folder with a small load, as settings."""
    (tmp_path / "places.csv").write_text(PLACES)
    (tmp_path / "people.csv").write_text(PEOPLE)
    return {"DATA_DIR": str(tmp_path), "OUTPUT_DIR": str(tmp_path)}


def test_the_urls_alone_load_a_file_over_tls(tls: TlsServers, folders: dict[str, str], tmp_path: Path) -> None:
    commands = Commands(Services(tls.database_url(), tls.redis_url()))
    for command in ("pipeline schema", "producer", "worker --burst", "exporter"):
        ended = commands.run(*command.split(), **folders)
        assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "summary_output.json").read_text() == '{"Scotland":2,"Ireland":1,"Wales":1}'


@pytest.mark.parametrize(
    ("command", "setting"),
    [
        ("pipeline schema", "DATABASE_URL"),
        *((command, "DATABASE_URL") for command in ("producer", "worker --burst", "exporter")),
        *((command, "REDIS_URL") for command in ("producer", "worker --burst", "exporter")),
    ],
)
@pytest.mark.parametrize("wrong", ["authority", "host"])
def test_a_server_that_cannot_prove_who_it_is_is_refused(
    tls: TlsServers, folders: dict[str, str], command: str, setting: str, wrong: str
) -> None:
    right = Commands(Services(tls.database_url(), tls.redis_url()))
    assert right.run("pipeline", "schema").returncode == 0
    trust = {"authority": tls.stranger} if wrong == "authority" else {"host": OTHER_HOST}
    url = tls.database_url(**trust) if setting == "DATABASE_URL" else tls.redis_url(**trust)
    ended = right.run(*command.split(), **folders | {setting: url})
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.startswith(f"error: {setting}: ")
    assert "certificate" in ended.stderr
    assert PASSWORD not in ended.stderr
