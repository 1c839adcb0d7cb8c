"""The tables and roles, from schema.sql at the top of the project."""

import hashlib
from pathlib import Path

from pipeline import PROJECT
from pipeline.database import Database, Transaction
from pipeline.errors import PipelineError, RetryLaterError

HERE = Path(__file__).parent
SCHEMA = PROJECT / "schema.sql"
ROLES = ("pipeline_producer", "pipeline_worker", "pipeline_exporter")


def apply_schema(database: Database) -> bool:
    """Creates what the database lacks; returns False if it has this schema.sql, and nothing was done.

    Applying it again would be harmless, but its views have to wait for every transaction that reads them.
    Safe while others do the same. Raises SettingsError if the database may only be read.
    """
    digest = hashlib.sha256(SCHEMA.read_bytes()).hexdigest()
    with database.transaction() as tx:
        if _is_applied(tx, digest):
            return False
        database.check_writable(tx)
    database.run_script(SCHEMA)
    with database.transaction() as tx:
        tx.run(HERE / "sql" / "record_schema.sql", digest=digest, roles=list(ROLES))
    return True


def let_stages_log_in(database: Database, password: str) -> None:
    """Lets the roles of the stages log in with this password and no other; harmless while others do the same.

    Raises PipelineError, naming STAGE_PASSWORD, if there are no such roles or they are another's to alter.
    """
    try:
        with database.transaction() as tx:
            tx.run("SELECT pg_advisory_xact_lock(hashtext('pipeline schema'))")  # as schema.sql
            for role in ROLES:
                tx.let_log_in(role, password)
    except RetryLaterError:
        raise
    except PipelineError as error:
        raise PipelineError(f"STAGE_PASSWORD: {error}; connect as a user who may create roles, or unset it") from error


def _is_applied(tx: Transaction, digest: str) -> bool:
    """Whether this schema.sql was the last one applied, and all roles that exist now got their rights from it."""
    if not tx.value("SELECT to_regclass('installation') IS NOT NULL"):
        return False
    return bool(tx.value(HERE / "sql" / "is_schema_applied.sql", digest=digest, roles=list(ROLES)))
