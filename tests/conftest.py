"""What all tests share: real servers, started once, and an empty database and queue for each test."""

import csv
import gc
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis

from pipeline import PROJECT
from pipeline.embedded import servers as embedded
from pipeline.errors import OutOfOrderError
from pipeline.ledger import ledger
from pipeline.limits import RowLimit
from pipeline.postgres.database import Database
from pipeline.postgres.schema import ROLES, apply_schema
from pipeline.queue import ChunkQueue
from pipeline.queue.job import ChunkJob
from pipeline.tables.described import bring_up_to_date, wanted_tables
from producer.forecast import Limits
from producer.produce import Produced, produce
from producer.sources import find_sources
from tests.databases import Databases
from tests.forked import run_forked, start_forked
from tests.shared import FOLDER, made_once, pytest_configure, pytest_configure_node  # noqa: F401 (two are hooks)
from tests.support import administer, with_path
from worker.load import ChunkLoader
from worker.order import InOrder

PLACES = "city,county,country\nAyr,Ayrshire,Scotland\nCork,Cork,Ireland\nTenby,Pembrokeshire,Wales\n"
PEOPLE = (
    "given_name,family_name,date_of_birth,place_of_birth\n"
    "Jean,Kerr,1901-02-03,Ayr\n"
    "Tadhg,Ó Ceallaigh,1912-11-10,Cork\n"
    "Siân,Parry,1923-04-05,Tenby\n"
    "Jean,Kerr,1901-02-03,Ayr\n"
)
OWN_TABLES = wanted_tables(PROJECT / "data")
gc.disable()  # while modules are imported and tests are collected, which leave next to no garbage
ANY_VERSION = Limits(max_rejects=RowLimit.parse("100%"), allow_empty=True)


def pytest_collection_finish() -> None:
    """Leaves what was imported out of each garbage collection: a worker does one after each failed job.

    They are rarer than Python's default, which takes 4 % of the CPU that the tests need.
    """
    gc.freeze()
    gc.set_threshold(50_000)
    gc.enable()


@dataclass(frozen=True)
class Services:
    """Where the test's own database and queue are."""

    database_url: str
    redis_url: str
    databases: Databases | None = None  # None: a database that the test made itself

    def session(self) -> Database:
        """Of the database, for the length of the test; the next one gets it again."""
        return self.databases.session() if self.databases else Database(self.database_url, "tests")

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
        return {**kept, "DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url}


# The servers of the tests are killed at most, never cut off from power; what they keep is not worth a wait.
QUICK = ("fsync", "full_page_writes", "synchronous_commit", "autovacuum")


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> Iterator[embedded.Servers]:
    """Real PostgreSQL and Valkey of this process of pytest."""
    with TemporaryDirectory(dir=pytestconfig.stash[FOLDER]) as folder:
        Path(folder).chmod(0o755)
        state = Path(folder) / "state"
        subprocess.run(["cp", "-a", made_once(pytestconfig, "state", make_state), state], check=True)
        with embedded.running(state) as started:
            yield started


def make_state(state: Path) -> None:
    """The state of servers with templates; it has no ports and, for root, a link to the servers' programs."""
    with embedded.running(state) as started:
        settings = [f"ALTER SYSTEM SET {name} = off" for name in QUICK]
        password = urlsplit(started.database_url).password  # hashed 4,096 times for each connection, else once
        hashed_once = ("SET scram_iterations = 1", f"ALTER ROLE pipeline PASSWORD '{password}'")
        administer(started.database_url, *settings, "SELECT pg_reload_conf()", *hashed_once)
        make_templates(started.database_url)
    for port in state.glob("*.port"):
        port.unlink()
    if (programs := state / "software").exists():
        programs.symlink_to(programs.rename(state.parent / "software"))


def make_templates(url: str) -> None:
    """with_schema, which has what schema.sql makes, and with_tables, which has the tables of this repository's data."""
    administer(url, "CREATE DATABASE with_schema")
    with closing(Database(with_path(url, "/with_schema"), "tests")) as database:  # no template has other sessions
        apply_schema(database)
    administer(url, "CREATE DATABASE with_tables TEMPLATE with_schema")
    with closing(Database(with_path(url, "/with_tables"), "tests")) as database:
        bring_up_to_date(database, OWN_TABLES)


@pytest.fixture(scope="session")
def databases(servers: embedded.Servers) -> Iterator[Databases]:
    with closing(Databases(servers.database_url, ("with_schema", "with_tables"))) as databases:
        yield databases


@pytest.fixture
def services(servers: embedded.Servers, databases: Databases, request: pytest.FixtureRequest) -> Iterator[Services]:
    """A database with the tables and nothing in them, and an empty queue.

    A module that sets TEMPLATE to with_schema has what schema.sql makes alone.
    """
    redis_at(servers.redis_url).flushdb()
    with databases.copy_of(getattr(request.module, "TEMPLATE", "with_tables")) as url:
        yield Services(url, servers.redis_url, databases)


@pytest.fixture
def login_roles(services: Services) -> Iterator[None]:
    """The stages' roles belong to the whole cluster: a test that lets them log in leaves them as they were."""
    yield
    administer(services.database_url, *(f"ALTER ROLE {role} NOLOGIN PASSWORD NULL" for role in ROLES))


@cache
def redis_at(url: str) -> redis.Redis:
    """The production code's connection to a server, one for all tests."""
    return ChunkQueue.at(url, "chunks", "").connection


def queue_of(services: Services, name: str = "chunks") -> ChunkQueue:
    """The queue of the test's database, over a connection of its own."""
    with Database(services.database_url, "tests").transaction() as tx:
        return ChunkQueue.at(services.redis_url, name, ledger.installation(tx))


@dataclass
class Pipeline:
    """The production code in this process, on the test's services, and what came of it."""

    services: Services
    data: Path
    database: Database = field(init=False)
    queue: ChunkQueue = field(init=False)
    worker_database: Database = field(init=False)
    loader: ChunkLoader = field(init=False)
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        self.database = self.services.session()
        with self.database.transaction() as tx:
            self.queue = ChunkQueue(redis_at(self.services.redis_url), "chunks", ledger.installation(tx))
        self.worker_database = self.services.session()
        self.loader = ChunkLoader(self.worker_database)

    def close(self) -> None:
        """Ends the connections to the database, which PostgreSQL waits for when it is dropped."""
        self.database.close()
        self.worker_database.close()

    def write(self, **files: str) -> None:
        """write(people="...") makes data/people.csv."""
        for name, text in files.items():
            (self.data / f"{name}.csv").write_text(text, encoding="utf-8", newline="")

    def waiting_chunks(self) -> list[tuple[int, int, str]]:
        """Load, number and text of each chunk on the queue, in its order."""
        jobs = self.queue._chunks.get_jobs()
        assert all(isinstance(job, ChunkJob) for job in jobs)
        return [chunk for job in jobs if isinstance(job, ChunkJob) for chunk in job.arguments()]

    def produce(self, chunk_rows: int | None = None) -> list[Produced]:
        sources = find_sources(self.data, ())
        return produce(sources, self.database, self.queue, chunk_rows=chunk_rows, queue_limit=1000, limits=self.limits)

    def work(self) -> None:
        """Loads what is on the queue, as one worker that then ends."""
        self.queue.work(InOrder(self.loader.load_chunk, self.queue).load_chunk, burst=True)

    def take_and_load(self) -> None:
        """Loads what is on the queue, in its order; faster than `work`, as RQ does nothing for it."""
        left = self.waiting_chunks()
        self.queue._chunks.empty()  # type: ignore[no-untyped-call]
        while left:
            waiting, left = left, []
            for chunk in waiting:
                try:
                    self.loader.load_chunk(*chunk, self.queue.installation)
                except OutOfOrderError:
                    left.append(chunk)
            assert len(left) < len(waiting), "chunks wait for each other"

    def load(self, chunk_rows: int | None = None, /, **files: str) -> None:
        """Writes files, produces and loads, and checks that every row is accounted for."""
        self.write(**files)
        self.produce(chunk_rows)
        self.take_and_load()
        self.check_reconciliation()

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with self.database.transaction() as tx:
            return tx.rows(statement)

    def people(self) -> list[tuple[str, int, str, str, str, str]]:
        """Source, row number, names, date and city of each person, in order."""
        return self.rows(
            "SELECT sources.name, row_number, given_name, family_name, date_of_birth::text, city FROM people"
            " JOIN sources ON sources.id = source_id JOIN places ON places.id = place_id ORDER BY 1, 2"
        )

    def rejected(self) -> list[tuple[str, int, int, str, str]]:
        """Source, row number, line, reason and raw text of each rejected row, in order."""
        return self.rows(
            "SELECT sources.name, row_number, line, reason, raw FROM rejected_rows"
            " JOIN sources ON sources.id = source_id ORDER BY 1, 2"
        )

    def counts(self, source: str = "people.csv") -> dict[str, int]:
        """What became of the rows of the current load of a source."""
        names = ("inserted", "updated", "unchanged", "rejected", "deleted")
        [row] = self.rows(f"SELECT {', '.join(names)} FROM load_progress WHERE current AND source = '{source}'")
        return dict(zip(names, row, strict=True))

    def check_reconciliation(self) -> None:
        """Every row of every file is accounted for."""
        counts = {}
        for (source,) in self.rows("SELECT name FROM sources"):
            with (self.data / source).open(encoding="utf-8", newline="") as file:
                counts[source] = sum(1 for fields in csv.reader(file) if fields) - 1
        self.check_reconciliation_of(counts)

    def check_reconciliation_of(self, row_counts: dict[str, int]) -> None:
        """Every load is complete, and rows in the file = rows of its chunks = what became of them."""
        for source, complete, row_count, accounted in self.rows(
            "SELECT source, complete, row_count, inserted + updated + unchanged + rejected FROM load_progress"
            " WHERE current"
        ):
            assert complete, f"{source} is not complete"
            assert row_count == accounted == row_counts.get(source, row_count), source


@pytest.fixture
def pipeline(services: Services, tmp_path: Path) -> Pipeline:
    """A pipeline over an empty folder, an empty database and an empty queue."""
    data = tmp_path / "data"
    data.mkdir()
    return Pipeline(services, data)


@dataclass(frozen=True)
class Commands:
    """The real commands as processes, on the test's services."""

    services: Services
    timeout: float = 60  # seconds that a command has to end

    def start(self, *command: str, **environment: str) -> "subprocess.Popen[str]":
        return start_forked(command, {**self.services.environment, **environment})

    def run(self, *command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return run_forked(command, {**self.services.environment, **environment}, timeout=self.timeout)


@pytest.fixture
def commands(services: Services) -> Commands:
    return Commands(services)


def partition(pipeline: Pipeline) -> None:
    """Gives each source a partition from now on, in tables that are still empty."""
    bring_up_to_date(pipeline.database, wanted_tables(PROJECT / "data", partition_by_source=True))


def named(pipeline: Pipeline) -> list[tuple[int, str]]:
    """Row number and given name of each person."""
    return [(number, given_name) for _, number, given_name, *_ in pipeline.people()]


def held(pipeline: Pipeline) -> Counter[tuple[Any, ...]]:
    """The people of one file as the table holds them, to be compared with expected_people."""
    return Counter((number, *fields) for _, number, *fields in pipeline.people())
