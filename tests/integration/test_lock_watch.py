"""A lock that cannot be had in time: the error names the lock, the session that holds it, and the remedy."""

import threading
from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest

from pipeline.errors import CannotConnectError, TransientError
from pipeline.postgres import lock_watch
from pipeline.postgres.database import Database, cut_connections
from pipeline.postgres.lock_watch import LockWatcher
from pipeline.watcher import Watcher
from tests.conftest import Pipeline
from tests.support import wait_until

ROLE = "nobody_special"


@pytest.fixture(autouse=True)
def frequent_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_watch, "LOOK_INTERVAL", 0.1)
    monkeypatch.setattr(lock_watch, "_watcher", Watcher(LockWatcher.look, 0.1))


@pytest.fixture
def unprivileged(pipeline: Pipeline) -> Iterator[Database]:
    """A session whose role may lock people, and sees as much of other sessions as every role."""
    with pipeline.database.transaction() as tx:
        tx.run(f"CREATE ROLE {ROLE} LOGIN PASSWORD 'secret'; GRANT ALL ON people, places TO {ROLE}")
    _, _, address = pipeline.services.database_url.rpartition("@")
    with closing(Database(f"postgresql://{ROLE}:secret@{address}", "tests")) as database:
        yield database
    with pipeline.database.another().transaction() as tx:
        tx.run(f"DROP OWNED BY {ROLE}; DROP ROLE {ROLE}")


@pytest.mark.parametrize(
    ("statement", "lock"),
    [
        ("LOCK TABLE people", "table people"),
        ("SELECT FROM places FOR UPDATE", "a row"),
        ("SELECT pg_advisory_xact_lock(1)", "a lock of type advisory"),
    ],
)
def test_a_lock_timeout_names_the_lock_and_its_holder(
    pipeline: Pipeline, unprivileged: Database, statement: str, lock: str
) -> None:
    pipeline.load(places="city,county,country\nAyr,Ayrshire,Scotland\n")
    with closing(Database(pipeline.services.database_url, "holder")) as holder, holder.transaction() as held:
        pid = held.value("SELECT pg_backend_pid()")
        held.run(statement)
        with pytest.raises(TransientError) as waited, unprivileged.transaction() as tx:
            tx.run(f"SET LOCAL lock_timeout = '2s'; {statement}")
    assert str(waited.value) == (
        f"PostgreSQL error 55P03 (LockNotAvailable): waiting for {lock}, locked by session {pid} (application"
        f" 'pipeline holder', user 'pipeline'); end it, such as with SELECT pg_terminate_backend({pid})"
    )


def test_a_call_that_is_cut_off_while_it_waits_names_the_lock_too(pipeline: Pipeline, unprivileged: Database) -> None:
    with closing(psycopg2.connect(pipeline.services.database_url)) as holder:  # not cut off, as the project's are
        holder.cursor().execute("LOCK TABLE people")
        cutter = threading.Timer(1, cut_connections)
        cutter.start()
        with (
            pytest.raises(TransientError, match=r" did not answer in time: waiting for table people, locked by "),
            unprivileged.transaction() as tx,
        ):
            tx.run("LOCK TABLE people")
        cutter.join()


def test_a_server_that_does_not_answer_is_named_while_it_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    def holders() -> list[tuple[object, ...]]:
        raise CannotConnectError("cannot connect: timeout expired", is_permanent=False, is_answered=False)

    caplog.set_level("INFO", "pipeline.postgres.lock_watch")
    with LockWatcher(holders):
        wait_until(lambda: bool(caplog.messages))
    assert caplog.messages == [
        "a transaction has taken 0 s so far, and PostgreSQL does not say why: cannot connect: timeout expired",
        "the transaction has ended after 0 s",
    ]
