"""People: one row each, known by their position in the file; their place of birth must be a known city."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path

from pipeline import ledger
from pipeline.database import ForeignKeyError, Transaction
from pipeline.datasets.dataset import Dataset, Rejected, SourceRow, Stored, clean, copy_field, text_fault
from pipeline.datasets.places import Places
from pipeline.errors import OutOfOrderError, RetryLaterError
from pipeline.ledger import Claim

HERE = Path(__file__).parent
TABLE_COLUMNS = ("source_id", "row_number", "given_name", "family_name", "date_of_birth", "place_id")


class People(Dataset):
    name = "people"
    columns = ("given_name", "family_name", "date_of_birth", "place_of_birth")

    def __init__(self) -> None:
        self._place_ids: dict[str, int] = {}

    def store(self, tx: Transaction, claimed: Claim, rows: Iterable[SourceRow]) -> Stored:
        """Copies the rows straight into people where the chunk's range is still empty, else upserts them."""
        lines, rejected = self._check(tx, claimed, rows)
        span = {"source_id": claimed.source_id, "first_row": claimed.first_row, "last_row": claimed.last_row}
        try:
            if not tx.value(HERE / "people_exist.sql", **span):
                tx.copy("people", TABLE_COLUMNS, lines)
                return Stored(len(lines), updated=0, unchanged=0, deleted=0, rejected=rejected)
            tx.run(HERE / "people_incoming.sql")
            tx.copy("people_incoming", TABLE_COLUMNS, lines)
            inserted, updated, deleted = tx.rows(HERE / "people_merge.sql", **span)[0]
        except ForeignKeyError as error:
            self._place_ids.clear()
            raise RetryLaterError(f"places are not what they were when looked up: {error}") from error
        return Stored(inserted, updated, len(lines) - inserted - updated, deleted, rejected)

    def _check(self, tx: Transaction, claimed: Claim, rows: Iterable[SourceRow]) -> tuple[list[str], list[Rejected]]:
        """Good rows as lines for COPY, in order of row number, and the bad ones with their reasons."""
        lines = []
        rejected = []
        looked_up = False
        for row in rows:
            given_name, family_name, date_of_birth, city = map(clean, row.fields)
            if city not in self._place_ids and not looked_up:
                self._look_up_places(tx, claimed)
                looked_up = True
            place_id = self._place_ids.get(city)
            if reasons := faults(given_name, family_name, date_of_birth, city, place_id is not None):
                rejected.append(Rejected(row, reasons))
                continue
            lines.append(
                f"{claimed.source_id}\t{row.row_number}\t{copy_field(given_name)}\t{copy_field(family_name)}"
                f"\t{date_of_birth}\t{place_id}\n"
            )
        return lines, rejected

    def _look_up_places(self, tx: Transaction, claimed: Claim) -> None:
        """Looks all places up again, once no load of places is on its way any more.

        In this order: places that are committed between the two statements must not be missed.
        """
        if ledger.is_loading(tx, (Places.name,)):
            raise OutOfOrderError(f"{claimed.source} names places that are not known, and places are being loaded")
        self._place_ids = dict(tx.rows(HERE / "place_ids.sql"))


def faults(
    given_name: str, family_name: str, date_of_birth: str, place_of_birth: str, place_is_known: bool
) -> tuple[str, ...]:
    """All rules that a cleaned row breaks, in the order of the columns; empty if it is good."""
    found = (
        text_fault("given_name", given_name),
        text_fault("family_name", family_name),
        date_fault(date_of_birth),
        None if place_is_known else place_fault(place_of_birth),
    )
    return tuple(fault for fault in found if fault)


def date_fault(text: str) -> str | None:
    if not text:
        return "date_of_birth is empty"
    if len(text) == 10 and text[4] == text[7] == "-":  # fromisoformat also takes 19901302 and 1990-W01-1
        try:
            date.fromisoformat(text)
        except ValueError:
            pass
        else:
            return None
    return f"date_of_birth {text!r} is not a date (YYYY-MM-DD)"


def place_fault(city: str) -> str:
    return f"place_of_birth {city!r} is not a known city" if city else "place_of_birth is empty"
