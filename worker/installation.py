"""Whether a chunk belongs to the database that this worker loads into: several may share a queue by mistake."""

from pipeline.errors import RefusedJobError
from pipeline.ledger import ledger
from pipeline.postgres.database import Database
from pipeline.postgres.transaction import Transaction


class Installation:
    """The id of the worker's database, once it was asked for."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._id: str | None = None

    def check(self, tx: Transaction, of_chunk: str | None) -> None:
        """Raises RefusedJobError if the chunk names another database; jobs of earlier versions name none."""
        if of_chunk in (None, self._id):
            return
        self._id = ledger.installation(tx)
        if of_chunk != self._id:
            raise RefusedJobError(
                f"the chunk belongs to the database with id {of_chunk}, and this worker loads into"
                f" {self._database.address}, which has id {self._id}; give each database a queue of its own with"
                " QUEUE_NAME, then run the producer again"
            )
