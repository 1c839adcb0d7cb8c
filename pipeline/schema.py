"""The tables and roles, from schema.sql at the top of the project."""

from pipeline import PROJECT
from pipeline.database import Database
from pipeline.errors import PipelineError, RetryLaterError

SCHEMA = PROJECT / "schema.sql"
ROLES = ("pipeline_producer", "pipeline_worker", "pipeline_exporter")


def apply_schema(database: Database) -> None:
    """Creates what the database lacks; harmless on a full one, and while others do the same.

    Raises SettingsError, naming DATABASE_URL, if the server cannot be reached.
    """
    database.check_reachable()
    database.run_script(SCHEMA)


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
