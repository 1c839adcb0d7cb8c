"""What the ledger knows of the files that are to be loaded."""

from collections.abc import Sequence

from pipeline.columns.column import column
from pipeline.datasets.supported import check_supported
from pipeline.errors import SettingsError
from pipeline.ledger import ledger
from pipeline.ledger.load import KnownSource
from pipeline.postgres.database import Database
from pipeline.tables.registry import check_tables
from pipeline.waiting import retry_transient
from producer.sources import Source


def known_sources(sources: Sequence[Source], database: Database) -> dict[str, KnownSource]:
    """The sources that were loaded before, by name; all of the ledger's, not these alone.

    Raises SettingsError if the tables of a dataset are not as its description says, or if a source was loaded as
    another dataset.
    """
    check_supported(source.dataset for source in sources)
    datasets = {source.dataset.name: source.dataset for source in sources}.values()

    def attempt() -> dict[str, KnownSource]:
        with database.transaction() as tx:
            for dataset in datasets:
                check_tables(tx, dataset, column)
            return ledger.known_sources(tx)

    known = retry_transient(attempt)
    for source in sources:
        before = known.get(source.name)
        if before and before.dataset != source.dataset.name:
            raise SettingsError(
                f"{source.name} was loaded as {before.dataset}, and is described as {source.dataset.name} now;"
                f" forget {source.name} first"
            )
    return known
