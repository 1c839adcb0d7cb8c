"""Places: city, county, country. Reference data, upserted by city, never removed."""

from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline import ledger
from pipeline.database import Transaction
from pipeline.datasets.dataset import Dataset, Rejected, Resolved, Stored, copy_field, text_fault
from pipeline.errors import InUseError, OutOfOrderError
from pipeline.ledger import Claim
from pipeline.rows import Fault, SourceRow, SourceRows

HERE = Path(__file__).parent


class Places(Dataset):
    name = "places"
    columns = ("city", "county", "country")

    def faults(self, fields: Sequence[str]) -> list[Fault]:
        return [fault for pair in zip(self.columns, fields, strict=True) if (fault := text_fault(*pair))]

    def checker(self) -> Callable[[SourceRow], list[Fault]]:
        listing = Listing({})

        def faults(row: SourceRow) -> list[Fault]:
            fields, found = self.checked(row)
            return found or listing.faults(*fields)

        return faults

    def store(self, tx: Transaction, claimed: Claim, rows: SourceRows) -> Stored:
        """Upserts the places; a city listed again counts as unchanged, or is rejected if it contradicts.

        Chunks of a load follow each other in order, so that the earlier row wins however many workers run.
        """
        if waits_for := ledger.first_missing_before(tx, claimed):
            raise OutOfOrderError(f"{claimed.source} chunk {claimed.number}", waits_for)
        resolved = self.resolve(tx, claimed, rows)
        position = {"source_id": claimed.source_id, "load": claimed.load, "is_last": claimed.last_row is None}
        return self._merge(tx, resolved, claimed.row_count, HERE / "places_merge.sql", **position)

    def prepare_preview(self, tx: Transaction) -> None:
        tx.run(HERE / "places_preview.sql")

    def resolve(self, tx: Transaction, claimed: Claim, rows: SourceRows) -> Resolved:
        """Of rows that list the same city in the same way, the first alone is to be stored."""
        checked = [(row, *self.checked(row)) for row in rows]
        listing = Listing(self._listed(tx, claimed, [fields[0] for _, fields, faults in checked if not faults]))
        resolved = Resolved()
        for row, fields, faults in checked:
            if faults := faults or listing.faults(*fields):
                resolved.rejected.append(Rejected(row, tuple(faults)))
            elif listing.is_new:
                resolved.lines.append("\t".join((str(row.row_number), *map(copy_field, fields))))
        return resolved

    def _listed(self, tx: Transaction, claimed: Claim, cities: list[str]) -> dict[str, list[str]]:
        """Those of the cities that earlier chunks of the load have listed."""
        if self._is_preview:
            return dict(tx.rows(HERE / "places_listed_previewed.sql", source=claimed.source, cities=cities))
        position = {"source_id": claimed.source_id, "load": claimed.load}
        return dict(tx.rows(HERE / "places_listed.sql", **position, cities=cities))

    def compare(self, tx: Transaction, claimed: Claim, resolved: Resolved, row_count: int) -> Stored:
        return self._merge(tx, resolved, row_count, HERE / "places_compare.sql", source=claimed.source)

    def _merge(
        self, tx: Transaction, resolved: Resolved, row_count: int, statement: Path, **parameters: object
    ) -> Stored:
        tx.run(HERE / "places_incoming.sql")
        tx.copy("places_incoming", ("row_number", *self.columns), resolved.lines)
        [(inserted, updated)] = tx.rows(statement, **parameters)
        unchanged = row_count - len(resolved.rejected) - inserted - updated
        return Stored(inserted, updated, unchanged, deleted=0, rejected=resolved.rejected)

    def loaded_rows(self, tx: Transaction, source_id: int) -> int:
        return int(tx.value(HERE / "places_loaded.sql", source_id=source_id))

    def forget(self, tx: Transaction, source_id: int) -> int:
        if in_use := tx.rows(HERE / "places_in_use.sql", source_id=source_id):
            named = ", ".join(f"{people:,} rows of {source}" for source, people in in_use)
            raise InUseError(f"{named} name its places; forget those sources with it, or first")
        removed = int(tx.value(HERE / "places_forget.sql", source_id=source_id))
        tx.run(HERE / "places_remove_unused.sql")
        return removed


class Listing:
    """The cities that rows of one file have listed so far, each with its county and country."""

    def __init__(self, listed: dict[str, list[str]]) -> None:
        self._listed = {city: tuple(where) for city, where in listed.items()}
        self.is_new = False  # whether the last city asked about was listed for the first time

    def faults(self, city: str, county: str, country: str) -> list[Fault]:
        """Lists a city; a fault if it was listed before with another county or country."""
        self.is_new = city not in self._listed
        if self._listed.setdefault(city, (county, country)) != (county, country):
            return [Fault("city", "is listed with another county or country in an earlier row", city)]
        return []
