"""The tables and roles, from schema.sql at the top of the project."""

import hashlib
import re
from pathlib import Path

from pipeline.errors import PipelineError, SettingsError, TransientError
from pipeline.postgres.database import Database
from pipeline.postgres.transaction import Transaction

HERE = Path(__file__).parent
SCHEMA = HERE / "schema.sql"  # in a checkout a link to the file at the top
TABLE_ROLES = ("pipeline_producer", "pipeline_worker", "pipeline_exporter")  # those that use the tables of datasets
ROLES = (*TABLE_ROLES, "pipeline_monitor")
LOCK = "SELECT pg_advisory_xact_lock(hashtext('pipeline schema'))"  # one changes tables at a time; as schema.sql


def apply_schema(database: Database) -> bool:
    """Creates what the database lacks; returns False if it has this schema.sql, and nothing was done.

    Applying it again would be harmless, but its views have to wait for every transaction that reads them.
    Safe while others do the same. Raises SettingsError if the database may only be read, or if the tables are those of
    a newer pipeline.
    """
    if is_current(database):
        return False
    with database.transaction() as tx:
        database.check_writable(tx)
    database.run_script(SCHEMA)
    with database.transaction() as tx:
        tx.run(HERE / "sql" / "record_schema.sql", digest=_digest(), roles=list(ROLES))
    return True


def is_current(database: Database) -> bool:
    """Whether the database has this schema.sql; raises SettingsError if it has that of a newer pipeline."""
    with database.transaction() as tx:
        if _is_applied(tx, _digest()):
            return True
        recorded, own = _recorded_version(tx), _own_version()
    if recorded > own:
        raise SettingsError(
            f"DATABASE_URL: {database.address} has version {recorded} of the pipeline's tables, and this pipeline makes"
            f" version {own}; use the newer pipeline, or another database"
        )
    return False


def enable_stage_logins(database: Database, password: str) -> None:
    """Lets the roles of the stages log in with this password and no other; harmless while others do the same.

    Raises PipelineError, naming STAGE_PASSWORD, if there are no such roles or they are another's to alter.
    """
    try:
        with database.transaction() as tx:
            tx.run(LOCK)
            for role in ROLES:
                tx.enable_login(role, password)
    except TransientError:
        raise
    except PipelineError as error:
        raise PipelineError(f"STAGE_PASSWORD: {error}; connect as a user who may create roles, or unset it") from error


def _digest() -> str:
    return hashlib.sha256(SCHEMA.read_bytes()).hexdigest()


def _own_version() -> int:
    [version] = re.findall(r"^SET LOCAL pipeline\.schema_version = (\d+);", SCHEMA.read_text(encoding="utf-8"), re.M)
    return int(version)


def _recorded_version(tx: Transaction) -> int:
    """0 for a database of earlier versions, which record none."""
    has_version = (
        "SELECT EXISTS (SELECT FROM pg_attribute"
        " WHERE attrelid = to_regclass('installation') AND attname = 'schema_version')"
    )
    return (tx.value("SELECT schema_version FROM installation") or 0) if tx.value(has_version) else 0


def _is_applied(tx: Transaction, digest: str) -> bool:
    """Whether this schema.sql was the last one applied, and all roles that exist now got their rights from it."""
    if not tx.value("SELECT to_regclass('installation') IS NOT NULL"):
        return False
    return bool(tx.value(HERE / "sql" / "is_schema_applied.sql", digest=digest, roles=list(ROLES)))
