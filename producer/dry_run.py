"""A dry run: what a run would do with the tables, without doing it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.forgetting import Forgotten, forget_rows
from pipeline.ledger import ledger
from pipeline.ledger.load import LoadProgress
from pipeline.postgres.database import Database
from pipeline.waiting import retry_transient
from producer.files.content import OpenedFiles
from producer.files.encodings import Encodings
from producer.first_pass import scan_all
from producer.forecast import Forecast, Limits
from producer.known_sources import known_sources
from producer.new_versions import check_new_versions
from producer.preview import Preview
from producer.sources import Source


@dataclass(frozen=True)
class DryRun:
    """What a run would do."""

    forgotten: list[Forgotten]
    forecasts: list[Forecast]
    others: list[LoadProgress]  # loads of sources that it would leave as they are

    @property
    def good_rows(self) -> dict[str, int]:
        """By dataset, of all sources that the tables would then hold."""
        rows: Counter[str] = Counter()
        for load in self.others:
            rows[load.dataset] += load.row_count - load.rejected
        for forecast in self.forecasts:
            rows[forecast.dataset] += forecast.good
        return rows

    @property
    def rejected(self) -> int:
        """Rows of all sources, as the exporter counts them at the end of a run."""
        return sum(forecast.rejected for forecast in self.forecasts) + sum(load.rejected for load in self.others)

    @property
    def row_count(self) -> int:
        """Rows of all sources, as the exporter counts them at the end of a run."""
        return sum(forecast.row_count for forecast in self.forecasts) + sum(load.row_count for load in self.others)


def preview(
    sources: Sequence[Source],
    database: Database,
    *,
    forget: Sequence[str] = (),
    chunk_rows: int | None,
    encodings: Encodings = Encodings(),  # noqa: B008 (frozen)
    limits: Limits = Limits(),  # noqa: B008 (frozen)
) -> DryRun:
    """What forgetting some sources, then `produce`, and workers after it, would do with the tables; changes nothing.

    Raises what they would.
    """
    with OpenedFiles() as contents:
        known = known_sources(sources, database)
        versions = scan_all(sources, known, contents, encodings, chunk_rows)

        def attempt() -> DryRun:
            with database.transaction(keep=False) as tx:
                forgotten, _ = forget_rows(tx, set(forget))
                forecasts = list(Preview(tx, contents, known, versions).exact())
                previewed = {forecast.source for forecast in forecasts}
                others = [load for load in ledger.progress(tx) if load.source not in previewed]
                return DryRun(forgotten, forecasts, others)

        check_new_versions(versions, known, contents, database, limits)
        return retry_transient(attempt)
