"""A Redis that others use as well: a queue for each database, rights of a user, and memory that is limited."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit, urlunsplit

import pytest
import redis

from pipeline.postgres.database import Database
from tests.conftest import PEOPLE, PLACES, Commands, Pipeline, Services, queue_of
from tests.support import with_path

HEADER = PEOPLE.splitlines(keepends=True)[0]
EVICTION = "Redis may drop chunks from the queue when its memory is full: maxmemory-policy is 'allkeys-lru'"
RULE = ("resetchannels", "~rq:*", "+@all", "-@dangerous", "+info")


@pytest.fixture
def other(pipeline: Pipeline, tmp_path: Path) -> Iterator[Pipeline]:
    """A pipeline over another database, on the same Redis."""
    name = urlsplit(pipeline.services.database_url).path.strip("/") + "_other"
    administration = Database(with_path(pipeline.services.database_url, "/postgres"), "tests")
    create = tmp_path / "create.sql"
    create.write_text(f"CREATE DATABASE {name} TEMPLATE with_tables")
    administration.run_script(create)
    services = Services(with_path(pipeline.services.database_url, f"/{name}"), pipeline.services.redis_url)
    with Database(services.database_url, "tests").transaction() as tx:
        tx.run("UPDATE installation SET id = gen_random_uuid()")
    data = tmp_path / "other"
    data.mkdir()
    yield Pipeline(services, data)
    drop = tmp_path / "drop.sql"
    drop.write_text(f"DROP DATABASE {name} WITH (FORCE)")
    administration.run_script(drop)


def installation(pipeline: Pipeline) -> str:
    return str(pipeline.rows("SELECT id::text FROM installation")[0][0])


def test_databases_with_a_queue_each_share_a_redis(pipeline: Pipeline, other: Pipeline) -> None:
    commands = {"chunks": Commands(pipeline.services), "other-chunks": Commands(other.services)}
    pipeline.write(places=PLACES, people=PEOPLE)
    other.write(places=PLACES, people=HEADER + "Zoë,Kerr,1901-02-03,Ayr\n")
    for name, data in (("chunks", pipeline.data), ("other-chunks", other.data)):
        assert commands[name].run("producer", DATA_DIR=str(data), QUEUE_NAME=name).returncode == 0
    shown = commands["chunks"].run(
        "rq.cli", "info", "--url", pipeline.services.redis_url, RQ_QUEUE_CLASS="pipeline.queue.RqChunkQueue"
    )
    assert re.search(r"^chunks +\S+ 2, 0 executing", shown.stdout, re.MULTILINE), shown
    assert re.search(r"^other-chunks +\S+ 2, 0 executing", shown.stdout, re.MULTILINE), shown
    for name, command in commands.items():
        assert command.run("worker", "--burst", "--queue-name", name).returncode == 0
    assert [row[2] for row in pipeline.people()] == ["Jean", "Tadhg", "Siân", "Jean"]
    assert [row[2] for row in other.people()] == ["Zoë"]
    for name, data in (("chunks", pipeline.data), ("other-chunks", other.data)):
        assert commands[name].run("exporter", OUTPUT_DIR=str(data), QUEUE_NAME=name).returncode == 0


def test_a_whole_run_uses_the_queue_that_is_named(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.write(places=PLACES, people=PEOPLE)
    ended = commands.run("pipeline", "run", "--data", str(pipeline.data), "--queue-name", "mine")
    assert ended.returncode == 0, ended.stderr
    assert pipeline.queue.connection.smembers("rq:queues") == {b"rq:queue:mine"}
    assert len(pipeline.people()) == 4
    wrong = commands.run("pipeline", "run", "--data", str(pipeline.data), "--queue-name", "x" * 65)
    assert wrong.returncode == 2
    assert "'--queue-name'" in wrong.stderr
    assert "is not a name of 1 to 64 letters, digits, _ and -" in wrong.stderr


def test_a_chunk_of_another_database_is_refused_by_name(pipeline: Pipeline, other: Pipeline) -> None:
    """Both databases have a load 1 with a chunk 1 of the same text."""
    for each in (pipeline, other):
        each.write(places=PLACES)
        each.produce()
    pipeline.work()
    assert pipeline.counts("places.csv")["inserted"] == 3
    assert other.rows("SELECT count(*) FROM places") == [(0,)]
    ended = Commands(other.services).run("exporter", OUTPUT_DIR=str(other.data))
    assert ended.returncode == 1
    address = Database(pipeline.services.database_url, "tests").address
    assert (
        "places.csv chunk 1 (rows 1 to 3) failed every time: the chunk belongs to the"
        f" database with id {installation(other)}, and this worker loads into {address}, which has id"
        f" {installation(pipeline)}; give each database a queue of its own with QUEUE_NAME, then run the producer again"
    ) in ended.stderr
    other.queue = queue_of(other.services, "other")
    other.load()
    assert other.counts("places.csv")["inserted"] == 3


@contextmanager
def configured(connection: redis.Redis, **settings: str) -> Iterator[None]:
    """The server with other settings for the length of the block."""
    names = {name.replace("_", "-"): value for name, value in settings.items()}
    before = {name: connection.config_get(name)[name] for name in names}
    for name, value in names.items():
        connection.config_set(name, value)
    try:
        yield
    finally:
        for name, previous in before.items():
            connection.config_set(name, previous or "")


@pytest.mark.parametrize("stage", ["producer", "worker --burst", "exporter"])
def test_a_redis_that_may_evict_chunks_is_warned_about_once(commands: Commands, pipeline: Pipeline, stage: str) -> None:
    pipeline.load(places=PLACES)
    folders = {"DATA_DIR": str(pipeline.data), "OUTPUT_DIR": str(pipeline.data)}
    with configured(pipeline.queue.connection, maxmemory="1gb", maxmemory_policy="allkeys-lru"):
        ended = commands.run(*stage.split(), **folders)
    assert ended.returncode == 0, ended.stderr
    [line] = [line for line in ended.stderr.splitlines() if EVICTION in line]
    assert line.endswith("; set it to noeviction")


@pytest.mark.parametrize(
    "settings",
    [{"maxmemory": "1gb", "maxmemory_policy": "noeviction"}, {"maxmemory": "0", "maxmemory_policy": "allkeys-lru"}],
)
def test_a_redis_that_evicts_nothing_is_not_warned_about(
    commands: Commands, pipeline: Pipeline, settings: dict[str, str]
) -> None:
    with configured(pipeline.queue.connection, **settings):
        assert "maxmemory" not in commands.run("worker", "--burst").stderr


@pytest.fixture
def confined(services: Services) -> Iterator[Services]:
    """The services as a Redis user sees them that has the rights which the README names, and no others."""
    connection = redis.Redis.from_url(services.redis_url)
    command = cast(Callable[..., object], connection.execute_command)
    command("ACL", "SETUSER", "confined", "reset", "on", ">secret", *RULE)
    parts = urlsplit(services.redis_url)
    url = urlunsplit(parts._replace(netloc=f"confined:secret@{parts.hostname}:{parts.port}"))
    yield replace(services, redis_url=url)
    command("ACL", "DELUSER", "confined")


def test_a_user_of_redis_with_the_documented_rights_does_for_all_stages(confined: Services, pipeline: Pipeline) -> None:
    denied = cast(Callable[..., object], redis.Redis.from_url(confined.redis_url).execute_command)
    for forbidden in (("GET", "other"), ("FLUSHALL",), ("CONFIG", "GET", "*"), ("SUBSCRIBE", "other"), ("KEYS", "*")):
        with pytest.raises(redis.exceptions.NoPermissionError):
            denied(*forbidden)
    commands = Commands(confined)
    pipeline.write(places=PLACES, people=PEOPLE)
    folders = {"DATA_DIR": str(pipeline.data), "OUTPUT_DIR": str(pipeline.data), "CHUNK_ROWS": "1"}
    worker = commands.start("worker")
    for stage in ("producer", "exporter"):
        ended = commands.run(stage, **folders)
        assert ended.returncode == 0, ended.stderr
        assert "WARNING" not in ended.stderr
    info = commands.run("rq.cli", "info", RQ_REDIS_URL=confined.redis_url, RQ_QUEUE_CLASS="pipeline.queue.RqChunkQueue")
    assert "jobs: 7 finished, 0 failed" in info.stdout, info.stderr
    worker.terminate()
    _, err = worker.communicate(timeout=10)
    assert worker.returncode == 0
    assert "NOPERM" not in err
    assert "maintenance" not in err
    assert len(pipeline.people()) == 4
