"""The tables, from schema.sql at the top of the project."""

from pipeline import PROJECT
from pipeline.database import Database

SCHEMA = PROJECT / "schema.sql"


def apply_schema(database: Database) -> None:
    """Creates what the database lacks; harmless on a full one, and while others do the same.

    Raises SettingsError, naming DATABASE_URL, if the server cannot be reached.
    """
    database.check_reachable()
    database.run_script(SCHEMA)
