"""Places: city, county, country. Reference data, upserted by city, never removed."""

from collections.abc import Iterable
from pathlib import Path

from pipeline.database import Transaction
from pipeline.datasets.dataset import Dataset, Rejected, SourceRow, Stored, clean, copy_field, text_fault
from pipeline.ledger import Claim

HERE = Path(__file__).parent


class Places(Dataset):
    name = "places"
    columns = ("city", "county", "country")

    def store(self, tx: Transaction, claimed: Claim, rows: Iterable[SourceRow]) -> Stored:  # noqa: ARG002
        """Upserts the places; a city listed again counts as unchanged, or is rejected if it contradicts."""
        places: dict[str, tuple[str, str]] = {}
        first_line: dict[str, int] = {}
        repeated = 0
        rejected = []
        for row in rows:
            city, county, country = fields = tuple(clean(field) for field in row.fields)
            reasons = [fault for pair in zip(self.columns, fields, strict=True) if (fault := text_fault(*pair))]
            if not reasons and places.setdefault(city, (county, country)) != (county, country):
                reasons = [f"city {city!r} is listed with another county or country on line {first_line[city]}"]
            if reasons:
                rejected.append(Rejected(row, tuple(reasons)))
            elif city in first_line:
                repeated += 1
            else:
                first_line[city] = row.line
        tx.run(HERE / "places_incoming.sql")
        tx.copy(
            "places_incoming",
            self.columns,
            (
                "\t".join(map(copy_field, (city, county, country))) + "\n"
                for city, (county, country) in sorted(places.items())
            ),
        )
        inserted, updated = tx.rows(HERE / "places_merge.sql")[0]
        unchanged = len(places) - inserted - updated + repeated
        return Stored(inserted, updated, unchanged, deleted=0, rejected=rejected)
