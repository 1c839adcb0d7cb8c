"""Row contents are personal data, and stay out of every log: the commands' and the servers'.

That the other faults bring none into a log is checked at the end of each test; see Run.check_logs.
"""

import threading

import psycopg2
import pytest

from pipeline.errors import TransientError
from pipeline.postgres.database import Database
from tests.conftest import Services
from tests.faults.conftest import IN_EACH_ROW, OwnServers
from tests.support import wait_until

SLOW_COPY = (
    "CREATE TABLE copied (name text);"
    "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN new; END';"
    "CREATE TRIGGER wait BEFORE INSERT ON copied FOR EACH ROW EXECUTE FUNCTION wait()"
)
END_SESSION = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"


@pytest.mark.parametrize("rows", [1, 100_000])
def test_a_session_that_is_ended_in_mid_copy_prints_no_row(
    services: Services, servers: OwnServers, capfd: pytest.CaptureFixture[str], rows: int
) -> None:
    connection = psycopg2.connect(services.database_url)
    connection.autocommit = True
    admin = connection.cursor()
    admin.execute(SLOW_COPY)
    errors: list[Exception] = []

    def copy() -> None:
        try:
            with Database(services.database_url, "tests").transaction() as tx:
                tx.copy("copied", ("name",), [IN_EACH_ROW] * rows)
        except Exception as error:
            errors.append(error)

    def ended() -> bool:
        admin.execute(END_SESSION)
        return admin.rowcount > 0

    copying = threading.Thread(target=copy)
    copying.start()
    wait_until(ended)
    copying.join()
    connection.close()
    assert isinstance(errors[0], TransientError)
    reason = "terminating connection due to administrator command"
    assert str(errors[0]) == f"PostgreSQL error 57P01 (AdminShutdown): {reason}"
    assert capfd.readouterr() == ("", "")
    log = (servers.state / "postgresql.log").read_text(errors="replace")
    assert reason in log
    assert IN_EACH_ROW not in log


def test_a_statement_that_fails_leaves_none_of_its_values_in_the_log_of_the_server(
    services: Services, servers: OwnServers
) -> None:
    with pytest.raises(TransientError), Database(services.database_url, "tests").transaction() as tx:
        tx.run("SELECT %(name)s, pg_terminate_backend(pg_backend_pid())", name=IN_EACH_ROW)
    assert IN_EACH_ROW not in (servers.state / "postgresql.log").read_text(errors="replace")
