"""A Redis whose master fails in mid-load: sentinels, or a cluster, make its replica the master."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.conftest import Commands, Pipeline, Services, held
from tests.faults.conftest import CHUNK_ROWS, QUEUE_LIMIT, RECOVERY_TIMEOUT, WORKERS, OwnServers, Run
from tests.faults.valkeys import HOST, Valkeys, free_port, valkeys
from tests.support import expected_people, start_process, wait_until

PASSWORD, SENTINEL_PASSWORD = "m@ster", "sent1nel"
FAILOVER_AFTER = 2000  # milliseconds that a master does not answer
NODES = 3
SLOTS = 1 << 14
LEDGER = "SELECT count(*) FROM load_chunks WHERE committed_at IS NOT NULL"

Record = Callable[[str, object], None]


@dataclass(frozen=True)
class OwnProcesses(Commands):
    """Commands that import RQ by themselves, which takes its prefix at that moment."""

    def start(self, *command: str, **environment: str) -> "subprocess.Popen[str]":
        return start_process([sys.executable, "-m", *command], {**self.services.environment, **environment})

    def run(self, *command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        process = self.start(*command, **environment)
        out, err = process.communicate(timeout=self.timeout)
        return subprocess.CompletedProcess(command, process.returncode, out, err)


@pytest.fixture
def redises(tmp_path: Path) -> Iterator[Valkeys]:
    with valkeys(tmp_path) as started:
        yield started


@pytest.fixture
def watched(redises: Valkeys, services: Services) -> tuple[Services, int]:
    """The services with a Redis that three sentinels watch, and the port of its master."""
    persistence = ("appendonly yes", 'save ""')
    credentials = (f"requirepass {PASSWORD}", f"masterauth {PASSWORD}")
    master = redises.start(*persistence, *credentials)
    replica = redises.start(*persistence, *credentials, f"replicaof {HOST} {master}")
    connection = redis.Redis(HOST, replica, password=PASSWORD)
    wait_until(partial(_follows, connection))
    sentinels = [
        redises.start(
            f"requirepass {SENTINEL_PASSWORD}",
            f"sentinel sentinel-pass {SENTINEL_PASSWORD}",
            f"sentinel monitor main {HOST} {master} 2",
            f"sentinel auth-pass main {PASSWORD}",
            f"sentinel down-after-milliseconds main {FAILOVER_AFTER}",
            sentinel=True,
        )
        for _ in range(3)
    ]
    for port in sentinels:
        wait_until(partial(_knows_the_others, port))
    hosts = ",".join(f"{HOST}:{port}" for port in sentinels)
    url = f"redis+sentinel://:{PASSWORD.replace('@', '%40')}@{hosts}/main/0?sentinel_password={SENTINEL_PASSWORD}"
    return Services(services.database_url, url), master


def _knows_the_others(port: int) -> bool:
    state: Any = redis.Redis(HOST, port, password=SENTINEL_PASSWORD).sentinel_master("main")
    return (state["num-other-sentinels"], state["num-slaves"]) == (2, 1)


@pytest.fixture
def watched_run(run: Run, watched: tuple[Services, int], servers: OwnServers) -> Iterator[Run]:
    services, _ = watched
    pipeline = Pipeline(services, run.pipeline.data)
    watched_run = Run(Commands(services), pipeline, servers)
    try:
        yield watched_run
    finally:
        watched_run.end()
        pipeline.close()


def test_a_load_goes_on_with_the_master_that_sentinels_elect(
    watched_run: Run, watched: tuple[Services, int], redises: Valkeys, record_property: Record
) -> None:
    """What the failover loses, the producer queues again."""
    run = watched_run
    run.start_workers()
    producer = run.produce()
    run.wait_for_chunks(20)
    redises.kill(watched[1])
    killed, before = time.monotonic(), run.value(LEDGER)
    wait_until(lambda: run.value(LEDGER) > before + WORKERS, timeout=RECOVERY_TIMEOUT)
    recovered = time.monotonic() - killed
    assert producer.wait(60) == 0
    first_exporter = run.export()
    _, err = first_exporter.communicate(timeout=60)
    if first_exporter.returncode:
        assert "run the producer again, which queues what is missing" in err
    run.finish(run.produce(), run.export())
    run.check_first_load()
    info = run.commands.run("rq.cli", "info", "-c", "pipeline.queue.rq_config")
    assert "chunks" in info.stdout, info.stderr
    record_property("measured", f"chunks committed {recovered:.1f} s after the kill; exit {first_exporter.returncode}")


@pytest.fixture
def cluster(redises: Valkeys) -> list[int]:
    """The ports of three masters, each with a third of the slots, and of a replica of each."""
    ports = []
    for _ in range(2 * NODES):
        bus = free_port()
        ports.append(
            redises.start(
                "cluster-enabled yes",
                f"cluster-port {bus}",
                f"cluster-node-timeout {FAILOVER_AFTER}",
                "appendonly yes",
                'save ""',
            )
        )
        first_node: Any = redis.Redis(HOST, ports[0])
        first_node.execute_command("CLUSTER", "MEET", HOST, ports[-1], bus)
    nodes: list[Any] = [redis.Redis(HOST, port) for port in ports]
    masters, replicas = nodes[:NODES], nodes[NODES:]
    for number, master in enumerate(masters):
        first, end = number * SLOTS // NODES, (number + 1) * SLOTS // NODES
        master.execute_command("CLUSTER", "ADDSLOTSRANGE", first, end - 1)
    for node in nodes:
        wait_until(partial(_knows, node, len(nodes)))
    for master, replica in zip(masters, replicas, strict=True):
        replica.cluster("REPLICATE", master.cluster("MYID"))
    for node in nodes:
        wait_until(partial(_serves, node))
    for replica in replicas:
        wait_until(partial(_follows, replica))
    return ports


def _knows(node: Any, count: int) -> bool:
    return len(node.cluster("NODES")) == count


def _serves(node: Any) -> bool:
    return bool(node.cluster("INFO")["cluster_state"] == "ok")


def _follows(replica: Any) -> bool:
    return bool(replica.info("replication").get("master_link_status") == "up")


def owner(ports: list[int]) -> int:
    """The port of the master that has the queue."""
    for port in ports:
        node = redis.Redis(HOST, port)
        try:
            node.exists("{rq}")
        except redis.exceptions.MovedError as error:
            return int(error.port)
        return port
    raise AssertionError("there are no nodes")


def test_a_load_on_a_cluster_goes_on_when_the_node_with_the_queue_fails(
    run: Run, cluster: list[int], redises: Valkeys, record_property: Record
) -> None:
    """The stages are given another node than the one that has the queue."""
    with_queue = owner(cluster)
    given = next(port for port in cluster[:NODES] if port != with_queue)
    services = Services(run.pipeline.services.database_url, f"redis://{HOST}:{given}/0")
    on_cluster = Run(OwnProcesses(services, timeout=120), run.pipeline, run.servers)
    keys = {"RQ_KEY_PREFIX": "{rq}"}
    try:
        load_on_cluster(on_cluster, keys, lambda: redises.kill(with_queue), record_property)
        new_owner = f"redis://{HOST}:{owner([given])}"
        info = on_cluster.commands.run("rq.cli", "info", "--url", new_owner, **keys)
        assert "chunks" in info.stdout, info.stderr
    finally:
        on_cluster.end()


def load_on_cluster(run: Run, keys: dict[str, str], fail: Callable[[], None], record_property: Record) -> None:
    settings = {
        "DATA_DIR": str(run.pipeline.data),
        "OUTPUT_DIR": str(run.pipeline.data),
        "CHUNK_ROWS": str(CHUNK_ROWS),
        "QUEUE_LIMIT": str(QUEUE_LIMIT),
        **keys,
    }
    run.workers += [run.commands.start("worker", LOG_FORMAT="json", **keys) for _ in range(WORKERS)]
    producer = run.commands.start("producer", LOG_FORMAT="json", **settings)
    run.others.append(producer)
    run.wait_for_chunks(20)
    fail()
    killed, before = time.monotonic(), run.value(LEDGER)
    wait_until(lambda: run.value(LEDGER) > before + WORKERS, timeout=RECOVERY_TIMEOUT)
    record_property("measured", f"chunks committed {time.monotonic() - killed:.1f} s after the kill")
    assert producer.wait(60) == 0
    for stage in ("producer", "exporter"):
        ended = run.commands.run(stage, **settings)
        assert ended.returncode == 0, ended.stderr
    run.stop_workers()
    assert not any("CROSSSLOT" in worker.communicate()[1] for worker in run.stopped)
    expected = expected_people(run.pipeline.data)
    assert held(run.pipeline) == expected
    run.pipeline.check_reconciliation_of({"people.csv": expected.total(), "places.csv": 113})


@pytest.mark.parametrize("stage", ["producer", "worker", "exporter", "monitor"])
def test_a_cluster_is_refused_without_a_hash_tag(services: Services, redises: Valkeys, stage: str) -> None:
    port = redises.start("cluster-enabled yes", f"cluster-port {free_port()}")
    commands = Commands(Services(services.database_url, f"redis://{HOST}:{port}/0"))
    ended = commands.run(stage)
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: REDIS_URL: the server is in cluster mode, and RQ_KEY_PREFIX 'rq' spreads")
    assert ended.stderr.endswith("set RQ_KEY_PREFIX={rq} for all stages, and for rq itself\n")
