"""The loaders of all datasets that a worker meets, by the descriptions that the ledger keeps with each load."""

from pipeline.datasets.loader import DatasetLoader
from pipeline.descriptions.descriptor import dataset_from_json
from pipeline.ledger import ledger
from pipeline.postgres.transaction import Transaction
from pipeline.tables.registry import recorded_tables

KEPT = 50  # loaders, which remember what they looked up


class DatasetLoaders:
    """Belongs to one worker."""

    def __init__(self) -> None:
        self._by_digest: dict[str, DatasetLoader] = {}

    def of(self, tx: Transaction, digest: str) -> DatasetLoader:
        """The loader for chunks of this description; raises PipelineError if its dataset has no tables."""
        if digest not in self._by_digest:
            if len(self._by_digest) >= KEPT:
                self._by_digest.clear()
            dataset = dataset_from_json(ledger.description(tx, digest))
            self._by_digest[digest] = DatasetLoader(dataset, digest, recorded_tables(tx))
        return self._by_digest[digest]
