"""Servers that a test may stop, kill and empty, and a run of real processes on which it brings a fault about."""

import csv
import json
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import psutil
import psycopg2
import pytest
import redis

from pipeline.embedded.account import Account
from pipeline.embedded.postgresql import Postgresql
from pipeline.embedded.valkey import Valkey
from pipeline.waiting import retry_transient
from tests.conftest import Commands, Pipeline, held, make_templates
from tests.support import expected_people, generate, wait_until

PEOPLE = 50_000
CHUNK_ROWS = 500
QUEUE_LIMIT = 16  # chunks; far fewer than a load has, so that the producer is under way as long as the workers
WORKERS = 4
STOP_TIMEOUT = 10.0  # seconds that a process told to stop may take
IN_EACH_ROW = "Fiona\x1b[31m"  # a name that no log may hold, with an escape that would steer a terminal
ROW_CONTENTS = ("Fiona", "\x1b")
RECOVERY_TIMEOUT = 30.0  # seconds within which the chunk of a killed worker is reclaimed


@dataclass
class OwnServers:
    """PostgreSQL and Valkey of these tests' own, with the port that each has for good."""

    state: Path
    database_url: str = ""
    redis_url: str = ""

    def __post_init__(self) -> None:
        account = Account()
        self.postgresql = Postgresql(self.state, account)
        self.valkey = Valkey(self.state, account)

    def start(self) -> None:
        """Starts what is not running, where it was before."""
        urls = (self.postgresql.start(), self.valkey.start())
        assert urls == (self.database_url or urls[0], self.redis_url or urls[1]), "a server has another port"
        self.database_url, self.redis_url = urls

    def processes_of_postgresql(self) -> list[psutil.Process]:
        postmaster = psutil.Process(int((self.state / "postgresql" / "postmaster.pid").read_text().splitlines()[0]))
        return [postmaster, *postmaster.children(recursive=True)]

    def processes_of_redis(self) -> list[psutil.Process]:
        return [psutil.Process(int((self.state / "valkey" / "valkey.pid").read_text()))]

    def kill(self, processes: list[psutil.Process]) -> None:
        """All at once, as a crash of the machine would."""
        for process in processes:
            process.kill()
        server = processes[0]
        wait_until(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE)

    @contextmanager
    def frozen(self, processes: list[psutil.Process]) -> Iterator[None]:
        """Servers that accept connections, by their kernel, and do not answer."""
        for process in processes:
            process.suspend()
        try:
            yield
        finally:
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    process.resume()

    def stop(self) -> None:
        self.valkey.stop()
        self.postgresql.stop()


@pytest.fixture(scope="session")
def servers() -> Iterator[OwnServers]:
    """In place of the servers that the other tests share."""
    with tempfile.TemporaryDirectory(prefix="pipeline faults ") as folder:
        Path(folder).chmod(0o755)
        state = Path(folder) / "state"
        state.mkdir()
        servers = OwnServers(state.resolve())
        try:
            servers.start()
            make_templates(servers.database_url)
            yield servers
        finally:
            servers.stop()


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = generate(tmp_path_factory.mktemp("generated"), PEOPLE)
    people = folder / "people.csv"
    with people.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    with people.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *([IN_EACH_ROW, *row[1:]] for row in rows)])
    return folder


@dataclass
class Run:
    """A load of PEOPLE people: producer, workers and exporter as processes, and what must come of it."""

    commands: Commands
    pipeline: Pipeline
    servers: OwnServers
    workers: list["subprocess.Popen[str]"] = field(default_factory=list)
    others: list["subprocess.Popen[str]"] = field(default_factory=list)
    stopped: list["subprocess.Popen[str]"] = field(default_factory=list)  # workers
    thawing: list[tuple[float, "subprocess.Popen[str]"]] = field(default_factory=list)  # when a frozen one goes on

    @property
    def redis(self) -> redis.Redis:
        return self.pipeline.queue.connection

    def start_workers(self, count: int = WORKERS) -> None:
        """Starts workers, and waits until they are on the queue."""
        started = [self.commands.start("worker", LOG_FORMAT="json") for _ in range(count)]
        self.workers += started
        wait_until(lambda: {worker.pid for worker in started} <= self.registered_workers())

    def registered_workers(self) -> set[int]:
        """The pids in the names of the workers that Redis knows."""
        members = cast(set[bytes], self.redis.smembers("rq:workers:chunks"))
        names = [name.decode(errors="replace") for name in members]
        return {int(name.split("-")[-2]) for name in names if name.startswith("rq:worker:")}

    def produce(self, **environment: str) -> "subprocess.Popen[str]":
        settings = {
            "DATA_DIR": str(self.pipeline.data),
            "CHUNK_ROWS": str(CHUNK_ROWS),
            "QUEUE_LIMIT": str(QUEUE_LIMIT),
            "DRAIN_TIMEOUT": "120",
        }
        return self._start("producer", settings | environment)

    def export(self, **environment: str) -> "subprocess.Popen[str]":
        return self._start("exporter", {"OUTPUT_DIR": str(self.pipeline.data), "DRAIN_TIMEOUT": "120"} | environment)

    def _start(self, stage: str, environment: dict[str, str]) -> "subprocess.Popen[str]":
        process = self.commands.start(stage, LOG_FORMAT="json", **environment)
        self.others.append(process)
        return process

    def load_places(self) -> None:
        """So that chunks of people need not wait for them."""
        people = self.pipeline.data / "people.csv"
        aside = people.rename(people.with_suffix(".aside"))
        self.pipeline.load()
        aside.rename(people)

    def queued(self) -> list[bytes]:
        """The ids of the jobs on the queue, in their order."""
        return cast(list[bytes], self.redis.lrange("rq:queue:chunks", 0, -1))

    def chunks(self, condition: str) -> int:
        """How many chunks of the current load of people meet a condition."""
        return self.count(
            "SELECT count(*) FROM load_chunks JOIN current_loads ON current_loads.id = load_id"
            f" JOIN sources ON sources.id = source_id WHERE sources.name = 'people.csv' AND {condition}"
        )

    def value(self, query: str) -> Any:
        """The one value of a query, over a connection that may have been cut."""
        [(value,)] = retry_transient(lambda: self.pipeline.rows(query))
        return value

    def count(self, query: str) -> int:
        return int(self.value(query))

    def wait_for_chunks(self, count: int) -> None:
        """Waits until so many chunks of people are committed: the run is in full swing."""
        wait_until(lambda: self.chunks("committed_at IS NOT NULL") >= count)

    def waiting_sessions(self, stage: str = "worker") -> int:
        """Sessions of a stage that wait for a lock."""
        return self.count(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            f" AND application_name = 'pipeline {stage}' AND datname = current_database()"
        )

    @contextmanager
    def holding(self, statement: str) -> Iterator[None]:
        """A lock that another session holds for the length of the block."""
        connection = psycopg2.connect(self.pipeline.services.database_url)
        connection.cursor().execute(statement)
        try:
            yield
        finally:
            connection.close()

    @contextmanager
    def stopped_inside_the_transaction(self, workers: int = WORKERS) -> Iterator[None]:
        """Workers have copied the rows of their chunks and cannot record them: they wait for this lock."""
        with self.holding("LOCK TABLE rejected_rows IN SHARE MODE"):
            wait_until(lambda: self.waiting_sessions() >= workers)
            yield

    def stop_workers(self) -> None:
        """Every worker ends with exit code 0, in time."""
        for worker in self.workers:
            worker.terminate()
        end = time.monotonic() + STOP_TIMEOUT
        for worker in self.workers:
            _, err = worker.communicate(timeout=max(0.1, end - time.monotonic()))
            assert worker.returncode == 0, err
        self.stopped += self.workers
        self.workers.clear()

    def finish(self, producer: "subprocess.Popen[str]", exporter: "subprocess.Popen[str]") -> None:
        """Both end well, and the workers can be stopped."""
        for process in (producer, exporter):
            _, err = process.communicate(timeout=120)
            assert process.returncode == 0, err
        self.stop_workers()

    def check(self) -> None:
        """Tables and summary are what an independent count of the files says; every row is accounted for."""
        self.value("SELECT 1")  # this session may have been cut too
        expected = expected_people(self.pipeline.data)
        assert held(self.pipeline) == expected
        self.pipeline.check_reconciliation_of({"people.csv": expected.total(), "places.csv": 113})
        summary = (self.pipeline.data / "summary_output.json").read_bytes()
        assert summary == (self.pipeline.data / "sample_output.json").read_bytes()
        failed = self.pipeline.queue.state().failed
        assert not failed, [self.pipeline.queue.failure(job_id) for job_id in failed.values()]

    def check_first_load(self) -> None:
        """Beside that: each row was inserted once, and no chunk did anything a second time."""
        self.check()
        inserted = {"inserted": PEOPLE, "updated": 0, "unchanged": 0, "rejected": 0, "deleted": 0}
        assert self.pipeline.counts() == inserted

    def end(self) -> None:
        for process in (*self.workers, *self.others):
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.communicate()

    def check_logs(self) -> None:
        """Of all processes, which have ended, and of the servers: JSON where it was asked for, no rows, no escapes."""
        for process in (*self.workers, *self.others, *self.stopped):
            out, err = process.communicate()
            for line in err.splitlines():
                assert line.startswith('{"time": '), f"not JSON: {line}"
                json.loads(line)
            assert not any(text in out + err for text in ROW_CONTENTS)
        for log in ("postgresql.log", "valkey.log"):
            text = (self.servers.state / log).read_text(errors="replace")
            assert not any(each in text for each in ROW_CONTENTS)


@pytest.fixture
def run(commands: Commands, pipeline: Pipeline, servers: OwnServers, generated: Path) -> Iterator[Run]:
    """Nothing started yet; the data folder holds the generated files."""
    shutil.copytree(generated, pipeline.data, dirs_exist_ok=True)
    run = Run(commands, pipeline, servers)
    try:
        yield run
    finally:
        run.end()
        servers.start()  # whatever the test did to them
    run.check_logs()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest test first: it waits most of its time, and others fill that."""
    items.sort(key=lambda item: "test_random_faults" not in item.nodeid)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints what the tests have measured."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "measured":
                terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {value}")
