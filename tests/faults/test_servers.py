"""PostgreSQL and Redis restarted, killed, cut off or emptied while a load is in full swing."""

from collections.abc import Callable

import psycopg2
import pytest

from tests.conftest import wait_until
from tests.faults.conftest import WORKERS, OwnServers, Run

DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


def restart_postgresql(servers: OwnServers) -> None:
    servers.postgresql.stop()
    servers.start()


def crash_postgresql(servers: OwnServers) -> None:
    servers.kill_postgresql()
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


def test_a_worker_that_loses_a_deadlock_tries_again(run: Run) -> None:
    """Worker: its chunk's row, then rejected_rows. The test: rejected_rows, then the chunk's row."""
    run.start_workers()
    producer, exporter = run.produce(), run.export()
    run.wait_for_chunks(10)
    before = run.value(DEADLOCKS)
    _deadlock(run)
    wait_until(lambda: run.value(DEADLOCKS) > before)
    run.finish(producer, exporter)
    run.check_first_load()


def _deadlock(run: Run) -> None:
    """This session looks for deadlocks late, so that the worker is the one that finds it and gives way."""
    connection = psycopg2.connect(run.pipeline.services.database_url)
    cursor = connection.cursor()
    cursor.execute("SET LOCAL deadlock_timeout = '60s'")
    cursor.execute("LOCK TABLE rejected_rows IN SHARE MODE")
    wait_until(lambda: run.waiting_sessions() == WORKERS)
    lowest = "SELECT FROM load_chunks WHERE committed_at IS NULL ORDER BY load_id, number LIMIT 1 FOR UPDATE"
    cursor.execute(lowest)  # waits until the worker that has this chunk gave way
    connection.close()


def test_a_serialization_failure_is_tried_again(run: Run) -> None:
    """The server itself reports it, ten times, from a trigger on the ledger."""
    with run.pipeline.database.transaction() as tx:
        tx.run(
            "CREATE SEQUENCE failures;"
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            "  IF nextval('failures') %% 5 = 0 AND nextval('failures') < 100 THEN"
            "    RAISE EXCEPTION USING ERRCODE = 'serialization_failure';"
            "  END IF; RETURN NEW; END $$;"
            "CREATE TRIGGER fail BEFORE UPDATE ON load_chunks FOR EACH ROW EXECUTE FUNCTION fail()"
        )
    run.start_workers()
    producer, exporter = run.produce(), run.export()
    run.finish(producer, exporter)
    run.check_first_load()
    assert run.value("SELECT last_value >= 100 FROM failures")


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
    assert "neither committed nor on the queue; the producer queues what is missing: run it again" in err
    assert "people.csv chunk" in err
    assert "wrote" not in out
    run.finish(run.produce(), run.export())
    run.check_first_load()


def test_a_redis_that_was_killed_loses_nothing_that_the_producer_does_not_bring_back(run: Run) -> None:
    """Its log is synced each second: what was queued in the last one is lost, and what was acked comes again."""
    run.start_workers()
    producer = run.produce()
    run.wait_for_chunks(20)
    run.servers.kill_valkey()
    run.servers.start()
    assert producer.wait(60) == 0
    run.finish(run.produce(), run.export())
    run.check_first_load()
