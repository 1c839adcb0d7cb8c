"""A connection to PostgreSQL that ends at a bad moment."""

import pytest

from pipeline.embedded.servers import Servers as Services
from pipeline.errors import CannotConnectError
from pipeline.postgres import database as module
from pipeline.postgres.database import Database


def test_a_connection_that_ends_while_it_is_opened_can_be_opened_again(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(services.database_url, "tests")
    with monkeypatch.context() as patched:
        patched.setattr(module, "file_text", lambda _: "SELECT pg_terminate_backend(pg_backend_pid())")
        with pytest.raises(CannotConnectError) as failed:
            database.connect()
    assert not failed.value.is_permanent
    database.connect()
    database.close()
