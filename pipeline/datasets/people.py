"""People: one row each, known by their position in the file; their place of birth must be a known city."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from pathlib import Path

from pipeline import ledger
from pipeline.database import ForeignKeyError, Transaction
from pipeline.datasets.dataset import Dataset, Rejected, Stored, clean, copy_field, text_fault
from pipeline.errors import OutOfOrderError, RetryLaterError
from pipeline.ledger import Claim
from pipeline.rows import Fault, SourceRow, SourceRows

HERE = Path(__file__).parent
REMEMBERED = 100_000  # texts; names and days repeat, and are checked once
TABLE_COLUMNS = ("source_id", "row_number", "given_name", "family_name", "date_of_birth", "place_id")


class People(Dataset):
    name = "people"
    columns = ("given_name", "family_name", "date_of_birth", "place_of_birth")
    refers_to = ("places",)
    chunks_stay = True

    def __init__(self) -> None:
        self._place_ids: dict[str, str] = {}  # by city
        self._good_texts = Remembered(good_text)
        self._good_days = Remembered(good_day)

    def faults(self, fields: Sequence[str]) -> list[Fault]:
        given_name, family_name, date_of_birth, place_of_birth = fields
        found = (
            text_fault("given_name", given_name),
            text_fault("family_name", family_name),
            date_fault("date_of_birth", date_of_birth),
            None if place_of_birth else Fault("place_of_birth", "is empty"),
        )
        return [fault for fault in found if fault]

    def store(self, tx: Transaction, claimed: Claim, rows: SourceRows) -> Stored:
        """Copies the rows straight into people where the chunk's range is still empty, else upserts them."""
        lines, rejected = self._resolved(tx, claimed, rows)
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

    def _resolved(self, tx: Transaction, claimed: Claim, rows: SourceRows) -> tuple[list[str], list[Rejected]]:
        """Good rows as lines for COPY, and the bad ones."""
        lines, doubtful = self._resolved_at_once(claimed, rows)
        rejected = []
        looked_up = False
        for row in doubtful:
            fields, faults = self.checked(row)
            city = fields[3] if fields else ""
            if city and city not in self._place_ids and not looked_up:
                self._look_up_places(tx, claimed)
                looked_up = True
            place_id = self._place_ids.get(city)
            if city and place_id is None:
                faults.append(Fault("place_of_birth", "is not a known city", city))
            if faults:
                rejected.append(Rejected(row, tuple(faults)))
                continue
            given_name, family_name, date_of_birth, _ = fields
            lines.append(
                f"{claimed.source_id}\t{row.row_number}\t{copy_field(given_name)}\t{copy_field(family_name)}"
                f"\t{date_of_birth}\t{place_id}\n"
            )
        return lines, rejected

    def _resolved_at_once(self, claimed: Claim, rows: SourceRows) -> tuple[list[str], Iterable[SourceRow]]:
        """Column by column, from what is remembered of each text: good rows as lines, and the rows still in doubt."""
        columns = rows.columns()
        if columns is None:
            return [], rows
        given_names, family_names, days, cities = columns
        resolved = list(
            zip(
                map(self._good_texts.__getitem__, given_names),
                map(self._good_texts.__getitem__, family_names),
                map(self._good_days.__getitem__, days),
                map(self._place_ids.get, cities),
                strict=True,
            )
        )
        lines = [
            f"{claimed.source_id}\t{row_number}\t" + "\t".join(fields) + "\n"  # type: ignore[arg-type]
            for row_number, fields in enumerate(resolved, rows.first_row)
            if None not in fields
        ]
        if len(lines) == len(resolved):
            return lines, []
        return lines, (rows.row(number) for number, fields in enumerate(resolved) if None in fields)

    def _look_up_places(self, tx: Transaction, claimed: Claim) -> None:
        """Looks all places up again, once no load of places is on its way any more.

        In this order: places that are committed between the two statements must not be missed.
        """
        if ledger.is_loading(tx, self.refers_to):
            raise OutOfOrderError(f"{claimed.source} names places that are not known, and places are being loaded")
        self._place_ids = {city: str(place_id) for city, place_id in tx.rows(HERE / "place_ids.sql")}


def good_text(text: str) -> str | None:
    """A field as COPY takes it, or None if it may be bad."""
    cleaned = clean(text)
    return None if text_fault("", cleaned) else copy_field(cleaned)


def good_day(text: str) -> str | None:
    """A day as COPY takes it, or None if it may be bad; a good one stays good."""
    cleaned = clean(text)
    return None if date_fault("", cleaned) else cleaned


class Remembered(dict[str, str | None]):
    """What a function says of a text, asked once for each of the last texts; a dictionary, since that is fastest."""

    def __init__(self, function: Callable[[str], str | None]) -> None:
        self._function = function

    def __missing__(self, text: str) -> str | None:
        if len(self) >= REMEMBERED:
            self.clear()
        value = self[text] = self._function(text)
        return value


def date_fault(column: str, text: str) -> Fault | None:
    """Why a cleaned text is not a day that has been, or None if it is one."""
    if not text:
        return Fault(column, "is empty")
    try:
        # fromisoformat also takes forms such as 19901302 and 1990-W01-1
        day = date.fromisoformat(text) if len(text) == 10 and text[4] == text[7] == "-" else None
    except ValueError:
        day = None
    if day is None:
        return Fault(column, "is not a date (YYYY-MM-DD)", text)
    if day > date.today():
        return Fault(column, "is in the future", text)
    return None
