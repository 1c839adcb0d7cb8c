"""Places: city, county, country. Reference data, upserted by city, never removed."""

from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline import ledger
from pipeline.database import Transaction
from pipeline.datasets.dataset import Dataset, Rejected, Stored, copy_field, text_fault
from pipeline.errors import OutOfOrderError
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
        if ledger.is_preceded(tx, claimed):
            raise OutOfOrderError(f"{claimed.source} chunk {claimed.number} waits for the chunks before it")
        checked = [(row, *self.checked(row)) for row in rows]
        cities = [fields[0] for _, fields, faults in checked if not faults]
        listing = Listing(dict(tx.rows(HERE / "places_listed.sql", load=claimed.load, cities=cities)))
        rejected = []
        lines = []
        for row, fields, faults in checked:
            if faults := faults or listing.faults(*fields):
                rejected.append(Rejected(row, tuple(faults)))
            elif listing.is_new:
                lines.append("\t".join(map(copy_field, fields)))
        tx.run(HERE / "places_incoming.sql")
        tx.copy("places_incoming", self.columns, lines)
        inserted, updated = tx.rows(HERE / "places_merge.sql", load=claimed.load)[0]
        unchanged = len(checked) - len(rejected) - inserted - updated
        return Stored(inserted, updated, unchanged, deleted=0, rejected=rejected)


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
