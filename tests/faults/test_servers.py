"""PostgreSQL and Redis restarted, killed, cut off or emptied while a load is in full swing."""

import contextlib
import threading
from collections.abc import Callable

import psycopg2
import pytest

from tests.faults.conftest import WORKERS, OwnServers, Run
from tests.support import wait_until


def restart_postgresql(servers: OwnServers) -> None:
    servers.postgresql.stop()
    servers.start()


def crash_postgresql(servers: OwnServers) -> None:
    servers.kill(servers.processes_of_postgresql())
    servers.start()


def restart_redis(servers: OwnServers) -> None:
    servers.valkey.stop()
    servers.start()


@pytest.mark.parametrize("fault", [restart_postgresql, crash_postgresql, restart_redis])
def test_all_go_on_by_themselves_when_a_server_comes_back(run: Run, fault: Callable[[OwnServers], None]) -> None:
    run.start_workers()
    producer, exporter = run.produce(), run.export()
    workers = [worker.pid for worker in run.workers]
    run.wait_for_chunks(20)
    fault(run.servers)
    assert run.chunks("committed_at IS NULL") > 0
    wait_until(lambda: run.chunks("committed_at IS NULL") == 0, timeout=60)
    assert [worker.pid for worker in run.workers if worker.poll() is None] == workers, "a worker has ended"
    run.finish(producer, exporter)
    run.check_first_load()


def test_connections_cut_inside_the_transaction_are_opened_again(run: Run) -> None:
    run.start_workers()
    producer, exporter = run.produce(), run.export()
    for chunks in (10, 30, 50):
        run.wait_for_chunks(chunks)
        with run.stopped_inside_the_transaction():
            cut = run.value(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE application_name LIKE 'pipeline %%' AND datname = current_database()"
                " AND pid <> pg_backend_pid()"
            )
            assert cut >= WORKERS
    run.finish(producer, exporter)
    run.check_first_load()


def test_an_exporter_whose_connection_is_cut_as_it_starts_goes_on(run: Run) -> None:
    waits = "application_name = 'pipeline exporter' AND wait_event_type = 'Lock'"
    with run.holding("LOCK TABLE sources IN ACCESS EXCLUSIVE MODE"):
        exporter = run.export()
        wait_until(lambda: run.value(f"SELECT count(*) FROM pg_stat_activity WHERE {waits}") == 1)
        run.value(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {waits}")
    run.start_workers()
    run.finish(run.produce(), exporter)
    run.check_first_load()


def test_a_worker_that_loses_a_deadlock_tries_again(run: Run) -> None:
    """It has its chunk's row and then wants rejected_rows; another session has these and waits for the row.

    The worker comes second, so it is the one that finds the deadlock and gives way.
    """
    run.start_workers()
    producer, exporter = run.produce(), run.export()
    run.wait_for_chunks(10)
    before = deadlocks(run)
    connection = psycopg2.connect(run.pipeline.services.database_url, application_name="pipeline other")
    cursor = connection.cursor()
    with run.holding("LOCK TABLE people IN SHARE MODE"):
        wait_until(lambda: run.waiting_sessions() == WORKERS)
        cursor.execute("LOCK TABLE rejected_rows IN SHARE MODE")
        other = threading.Thread(target=wait_for_all_chunks, args=(cursor,))
        other.start()
        wait_until(lambda: run.waiting_sessions("other") == 1)
    wait_until(lambda: deadlocks(run) > before)
    connection.cancel()
    other.join()
    connection.close()
    run.finish(producer, exporter)
    run.check_first_load()


def deadlocks(run: Run) -> int:
    """By the server's log; its statistics come late while sessions are waiting."""
    return (run.servers.state / "postgresql.log").read_text(errors="replace").count("ERROR:  deadlock detected")


def wait_for_all_chunks(cursor: psycopg2.extensions.cursor) -> None:
    with contextlib.suppress(psycopg2.Error):  # cancelled, or out of patience
        cursor.execute("SELECT FROM load_chunks FOR UPDATE")


def test_a_serialization_failure_is_tried_again(run: Run) -> None:
    """The server itself reports it, for each fifth chunk, from a trigger on the ledger."""
    with run.pipeline.database.transaction() as tx:
        tx.run(
            "CREATE SEQUENCE updates; CREATE SEQUENCE failures;"  # they count what is rolled back too
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            "  IF nextval('updates') %% 5 = 0 AND nextval('failures') > 0 THEN"
            "    RAISE EXCEPTION USING ERRCODE = 'serialization_failure';"
            "  END IF; RETURN NEW; END $$;"
            "CREATE TRIGGER fail BEFORE UPDATE ON load_chunks FOR EACH ROW EXECUTE FUNCTION fail()"
        )
    run.start_workers()
    producer, exporter = run.produce(), run.export()
    run.finish(producer, exporter)
    run.check_first_load()
    assert run.value("SELECT last_value FROM failures") >= 20


def test_a_redis_that_was_emptied_is_filled_again_by_the_producer(run: Run) -> None:
    """While the producer queues, it goes on; what was lost, the exporter names, and the producer brings back."""
    run.load_places()
    run.start_workers()
    producer = run.produce()
    run.wait_for_chunks(10)
    with run.stopped_inside_the_transaction():
        run.redis.flushall()
    assert producer.wait(60) == 0
    exporter = run.export()
    out, err = exporter.communicate(timeout=60)
    assert exporter.returncode == 1, err
    assert "neither committed nor on the queue; run the producer again, which queues what is missing" in err
    assert "people.csv chunk" in err
    assert "wrote" not in out
    run.finish(run.produce(), run.export())
    run.check_first_load()


def test_a_redis_that_was_killed_loses_nothing_that_the_producer_does_not_bring_back(run: Run) -> None:
    """Its log is synced each second: what was queued in the last one is lost, and what was acked comes again."""
    run.start_workers()
    producer = run.produce()
    run.wait_for_chunks(20)
    run.servers.kill(run.servers.processes_of_redis())
    run.servers.start()
    assert run.chunks("committed_at IS NULL") > 0
    assert producer.wait(60) == 0
    run.finish(run.produce(), run.export())
    run.check_first_load()
