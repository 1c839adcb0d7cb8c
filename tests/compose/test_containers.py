"""What a container may do, as the engine and the kernel see it while it runs."""

import gzip
import json
import os
import re
import time
from functools import partial
from typing import Any

import pytest

from pipeline import __version__
from tests.compose.conftest import PASSWORDS, PEOPLE, REVISION, Stack, docker
from tests.support import wait_until

STAYING = ("postgres", "redis", "worker", "monitor")  # what keeps running
STAGES_THAT_END = ("schema", "producer", "exporter")
NOTHING = {"CapInh": 0, "CapPrm": 0, "CapEff": 0, "CapBnd": 0, "CapAmb": 0}


def rights(status: str) -> dict[str, int]:
    """The capability sets in the text of /proc/PID/status."""
    return {name: int(mask, 16) for name, mask in re.findall(r"^(Cap\w+):\t(\w+)$", status, re.MULTILINE)}


def user(status: str) -> set[str]:
    """All user ids (real, effective, saved, of the file system) in the text of /proc/PID/status."""
    return set(re.findall(r"^Uid:\t(.*)$", status, re.MULTILINE)[0].split())


@pytest.mark.parametrize("service", STAYING)
def test_a_running_container_has_neither_root_nor_capabilities_nor_a_way_to_get_them(
    stack: Stack, service: str
) -> None:
    status = stack.exec(service, "cat", "/proc/1/status").stdout
    assert "0" not in user(status)
    assert rights(status) == NOTHING
    assert "NoNewPrivs:\t1\n" in status


@pytest.mark.parametrize("service", STAYING)
def test_a_running_container_cannot_write_beside_its_volumes(stack: Stack, service: str) -> None:
    for folder in ("/", "/tmp", "/usr/bin"):
        refused = stack.exec(service, "touch", f"{folder}/written")
        assert refused.returncode == 1
        assert "Read-only file system" in refused.stderr


@pytest.mark.parametrize("service", STAGES_THAT_END)
def test_a_stage_that_ends_has_no_capabilities_and_cannot_write_beside_its_volumes(stack: Stack, service: str) -> None:
    """Through its entrypoint, as the stage itself runs."""
    script = "cat /proc/self/status; touch /written; touch /usr/bin/written"
    ended = stack.run("run", "-T", "--rm", "--no-deps", service, "sh", "-c", script)
    assert rights(ended.stdout) == NOTHING, ended.stderr
    assert "NoNewPrivs:\t1\n" in ended.stdout
    assert ended.stderr.count("Read-only file system") == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another owner")
def test_the_exporter_may_look_into_its_home(stack: Stack) -> None:
    """libpq looks there for a certificate of the client, and with TLS takes any answer but "none" for an error."""
    stack.give_data_to(1000)
    looked = stack.run("run", "-T", "--rm", "--no-deps", "exporter", "sh", "-c", "stat ~/.postgresql/postgresql.crt")
    assert "No such file or directory" in looked.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another owner")
@pytest.mark.parametrize("owner", [1000, 501, 0])
def test_the_exporter_is_the_owner_of_the_data_folder_and_nothing_more(stack: Stack, owner: int) -> None:
    stack.give_data_to(owner)
    status = stack.run("run", "-T", "--rm", "--no-deps", "exporter", "cat", "/proc/self/status").stdout
    assert user(status) == {str(owner)}
    assert re.search(r"^Groups:\t *$", status, re.MULTILINE)
    assert rights(status) == NOTHING


def test_only_what_becomes_the_owner_of_the_data_folder_starts_with_capabilities(stack: Stack) -> None:
    for service in (*STAYING, *STAGES_THAT_END):
        host = stack.inspect(stack.containers(service)[0])["HostConfig"]
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert not host["Privileged"]
        added = {name.removeprefix("CAP_") for name in host["CapAdd"] or ()}
        becomes_owner = service in ("schema", "producer", "exporter")  # those that open the data folder
        assert added == ({"KILL", "SETUID", "SETGID", "SETPCAP"} if becomes_owner else set())


def test_logs_memory_and_processes_are_limited(stack: Stack) -> None:
    for service in (*STAYING, *STAGES_THAT_END):
        inspected = stack.inspect(stack.containers(service)[0])
        host = inspected["HostConfig"]
        assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}
        assert host["Memory"] >= 512 << 20
        assert host["PidsLimit"] >= 64
        assert host["Init"]
        assert inspected["Config"]["StopTimeout"] >= 15
        assert inspected["Config"]["Labels"]["org.opencontainers.image.title"] == "csv-pipeline"
        assert (host["RestartPolicy"]["Name"] == "unless-stopped") == (service in STAYING)
        assert all(port["HostIp"] == "127.0.0.1" for ports in host["PortBindings"].values() for port in ports)


def is_healthy(stack: Stack, container: str) -> bool:
    return bool(stack.inspect(container)["State"]["Health"]["Status"] == "healthy")


def test_health_checks_are_rare_once_a_server_is_healthy(stack: Stack) -> None:
    """Each costs as much as starting a container."""
    servers = stack.containers("postgres") + stack.containers("redis")
    for server in servers:
        wait_until(partial(is_healthy, stack, server), timeout=10)
    began = time.time()
    time.sleep(4)
    period = ("--since", f"{began:.3f}", "--until", f"{time.time():.3f}")
    for server in servers:
        checks = docker("events", *period, "--filter", f"container={server}", "--filter", "event=exec_start")
        assert checks.count("exec_start") <= 1


def test_postgresql_logs_neither_contexts_nor_statements(stack: Stack) -> None:
    assert stack.rows("SHOW log_error_verbosity") == [("terse",)]
    assert stack.rows("SHOW log_min_error_statement") == [("panic",)]


def test_no_command_line_holds_a_password(stack: Stack) -> None:
    """Neither one that the engine keeps nor one that `ps` shows on the host."""
    for service in (*STAYING, *STAGES_THAT_END):
        container = stack.containers(service)[0]
        inspected = stack.inspect(container)
        configured = [inspected["Path"], inspected["Args"]]
        configured += [inspected["Config"].get(name) for name in ("Cmd", "Entrypoint", "Healthcheck")]
        shown = json.dumps(configured)
        if service in STAYING:
            running = docker("top", container, "-eo", "pid,args")
            assert len(running.splitlines()) > 1
            shown += running
        for password in PASSWORDS.values():
            assert json.dumps(password)[1:-1] not in shown
            assert password not in shown


def test_redis_asks_for_the_password_and_writes_every_chunk_to_its_log(stack: Stack) -> None:
    def cli(*arguments: str, password: str = PASSWORDS["REDIS_PASSWORD"]) -> str:
        return stack.exec("redis", "env", f"REDISCLI_AUTH={password}", "redis-cli", *arguments).stdout.strip()

    assert "NOAUTH" in cli("ping", password="")
    assert cli("ping") == "PONG"
    assert cli("config", "get", "appendonly").split() == ["appendonly", "yes"]
    assert cli("config", "get", "save").split() == ["save"]


def test_a_compressed_file_is_loaded_and_its_copy_takes_no_memory(stack: Stack) -> None:
    lines = (stack.data / "people.csv").read_bytes().splitlines(keepends=True)
    compressed = stack.data / "people-compressed.csv.gz"
    compressed.write_bytes(gzip.compress(b"".join(lines[:4])))
    producer = ("run", "-T", "--rm", "--no-deps", "producer")
    try:
        ended = stack.run(*producer)
        assert "people-compressed.csv: 3 of 3 rows queued" in ended.stdout, ended.stderr
        wait_until(lambda: sum(stack.people().values()) == PEOPLE + 3)
    finally:
        compressed.unlink()
        stack.run(*producer, "python", "-m", "producer", "--forget", "people-compressed.csv")
    kind = stack.run(*producer, "stat", "--file-system", "--format=%T", "/tmp").stdout.strip()
    assert kind not in ("", "tmpfs")


def test_ports_are_published_on_the_loopback_address_alone(stack: Stack) -> None:
    for service in STAYING:
        for container in stack.containers(service):
            bindings = stack.inspect(container)["NetworkSettings"]["Ports"]
            hosts = {binding["HostIp"] for published in bindings.values() for binding in published or ()}
            assert hosts == (set() if service == "worker" else {"127.0.0.1"})


def image_of_all_stages(stack: Stack) -> dict[str, Any]:
    services = ("schema", "producer", "worker", "exporter", "monitor")
    [image] = {stack.inspect(stack.containers(service)[0])["Image"] for service in services}
    return stack.inspect(image)


def test_images_are_not_roots_and_hold_no_password(stack: Stack) -> None:
    image = image_of_all_stages(stack)
    assert image["Config"]["User"] == "10001:10001"
    assert "pipeline@" not in json.dumps(image)
    assert "PASSWORD" not in json.dumps(image["Config"]["Env"])
    assert stack.exec("worker", "id", "-u").stdout.strip() == "10001"


def test_the_image_names_version_and_revision_in_labels(stack: Stack) -> None:
    labels = image_of_all_stages(stack)["Config"]["Labels"]
    names = ("title", "version", "revision")
    shown = [labels[f"org.opencontainers.image.{name}"] for name in names]
    assert shown == ["csv-pipeline", __version__, REVISION]


def test_a_change_of_the_code_makes_two_layers_and_none_with_dependencies(stack: Stack) -> None:
    def built_layers() -> tuple[str, list[str]]:
        image = docker("build", "-q", str(stack.checkout)).strip()
        return image, stack.inspect(image)["RootFS"]["Layers"]

    _, before = built_layers()
    changed = stack.checkout / "worker" / "load.py"
    code = changed.read_bytes()
    changed.write_bytes(code + b"# changed\n")
    image, layers = built_layers()
    changed.write_bytes(code)
    docker("rmi", image)
    assert (layers[:-2], len(layers)) == (before[:-2], len(before))
    assert layers[-2:] != before[-2:]
