"""People: one row each, known by their position in the file; their place of birth must be a known city."""

from collections.abc import Callable, Sequence
from datetime import date
from itertools import compress, count, repeat
from pathlib import Path

from pipeline import ledger
from pipeline.database import ForeignKeyError, Transaction
from pipeline.datasets.dataset import Dataset, Rejected, Resolved, Stored, clean, copy_field, text_fault
from pipeline.errors import OutOfOrderError
from pipeline.ledger import Claim
from pipeline.rows import Fault, SourceRow, SourceRows

HERE = Path(__file__).parent
REMEMBERED = 100_000  # texts; names repeat, and are checked once
NEW_PLACE = "0"  # in a preview, the id of a place that is not in the table yet
LONGEST_REMEMBERED = 50  # characters; longer names are rare, and memory must not grow with the width of a field
TABLE_COLUMNS = ("source_id", "row_number", "given_name", "family_name", "date_of_birth", "place_id")


class People(Dataset):
    name = "people"
    columns = ("given_name", "family_name", "date_of_birth", "place_of_birth")
    refers_to = ("places",)
    chunks_stay = True

    def __init__(self, *, is_preview: bool = False, references_may_come: bool = False) -> None:
        super().__init__(is_preview=is_preview, references_may_come=references_may_come)
        self._place_ids: dict[str, str] = {}  # by city
        self._good_texts = Remembered(good_text)

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
        resolved = self.resolve(tx, claimed, rows)
        if not tx.value(HERE / "people_exist.sql", **_span(claimed)):
            self._copy(tx, resolved)
            return Stored(len(resolved.lines), updated=0, unchanged=0, deleted=0, rejected=resolved.rejected)
        return self._merge(tx, claimed, resolved, HERE / "people_merge.sql")

    def compare(self, tx: Transaction, claimed: Claim, resolved: Resolved, row_count: int) -> Stored:  # noqa: ARG002
        return self._merge(tx, claimed, resolved, HERE / "people_compare.sql")

    def _merge(self, tx: Transaction, claimed: Claim, resolved: Resolved, statement: Path) -> Stored:
        tx.run(HERE / "people_incoming.sql")
        tx.copy("people_incoming", TABLE_COLUMNS, resolved.lines)
        [(inserted, updated, deleted)] = tx.rows(statement, **_span(claimed))
        return Stored(inserted, updated, len(resolved.lines) - inserted - updated, deleted, resolved.rejected)

    def loaded_rows(self, tx: Transaction, source_id: int) -> int:
        return int(tx.value("SELECT count(*) FROM people WHERE source_id = %(source_id)s", source_id=source_id))

    def forget(self, tx: Transaction, source_id: int) -> int:
        return int(tx.value(HERE / "people_forget.sql", source_id=source_id))

    def _copy(self, tx: Transaction, resolved: Resolved) -> None:
        """Into people itself, with its foreign key checked once a place, or once a row where that is not granted."""
        place_ids = list(map(int, resolved.references))
        if tx.value(HERE / "people_key_per_chunk.sql", place_ids=place_ids) != len(place_ids):
            raise ForeignKeyError("a place that the chunk refers to is gone")
        tx.copy("people", TABLE_COLUMNS, resolved.lines)
        tx.run(HERE / "people_key_per_row.sql")

    def resolve(self, tx: Transaction, claimed: Claim, rows: SourceRows) -> Resolved:
        """Rows as they come; those that are not good at first sight once more, each by itself, after the others."""
        resolved = Resolved()
        looked_up = not self._place_ids
        if looked_up:
            self._look_up_places(tx, claimed)
        doubtful: list[SourceRow] = []
        for block, columns in rows.blocks():
            doubtful += self._resolve_at_once(claimed, block, columns, resolved) if columns else block
        for row in doubtful:
            fields, faults = self.checked(row)
            city = fields[3] if fields else ""
            if city and city not in self._place_ids and not looked_up:
                self._look_up_places(tx, claimed)
                looked_up = True
            place_id = self._place_ids.get(city, NEW_PLACE if self._references_may_come else "")
            if city and not place_id:
                faults.append(Fault("place_of_birth", "is not a known city", city))
            if faults:
                resolved.rejected.append(Rejected(row, tuple(faults)))
                continue
            names_and_day = map(copy_field, fields[:3])
            resolved.lines.append("\t".join((str(claimed.source_id), str(row.row_number), *names_and_day, place_id)))
            resolved.references.add(place_id)
        return resolved

    def _resolve_at_once(
        self, claimed: Claim, rows: SourceRows, columns: Sequence[tuple[str, ...]], resolved: Resolved
    ) -> list[SourceRow]:
        """Column by column, from what is remembered of each text. Returns the rows still in doubt."""
        given_names, family_names, days, cities = columns
        found = (
            list(map(self._good_texts.__getitem__, given_names)),
            list(map(self._good_texts.__getitem__, family_names)),
            good_days(days),
            list(map(self._place_ids.get, cities, repeat(""))),
        )
        fields = zip(repeat(str(claimed.source_id)), map(str, count(rows.first_row)), *found)
        resolved.references.update(filter(None, found[3]))
        if all(map(all, found)):
            resolved.lines.extend(map("\t".join, fields))
            return []
        good = [all(row) for row in zip(*found, strict=True)]
        resolved.lines.extend(map("\t".join, compress(fields, good)))
        return [rows.row(number) for number, is_good in enumerate(good) if not is_good]

    def _look_up_places(self, tx: Transaction, claimed: Claim) -> None:
        """Looks all places up again, once no load of places is on its way any more.

        In this order: places that are committed between the two statements must not be missed.
        """
        if self._is_preview:
            self._place_ids = {city: str(place_id) for city, place_id in tx.rows(HERE / "place_ids_previewed.sql")}
            return
        if waits_for := ledger.first_missing(tx, self.refers_to):
            raise OutOfOrderError(f"{claimed.source} chunk {claimed.number}", waits_for)
        self._place_ids = {city: str(place_id) for city, place_id in tx.rows(HERE / "place_ids.sql")}


def _span(claimed: Claim) -> dict[str, int | None]:
    return {"source_id": claimed.source_id, "first_row": claimed.first_row, "last_row": claimed.last_row}


def good_text(text: str) -> str:
    """A field as COPY takes it, or an empty one if it may be bad."""
    cleaned = clean(text)
    return "" if text_fault("", cleaned) else copy_field(cleaned)


def good_days(texts: Sequence[str]) -> Sequence[str]:
    """Days as COPY takes them, with an empty text for each that may be bad. Asked all at once, since most are good."""
    try:
        days = list(map(date.fromisoformat, texts))
        if max(days) <= date.today() and list(map(date.isoformat, days)) == list(texts):
            return texts
    except ValueError:
        pass
    return ["" if date_fault("", day) else day for day in map(clean, texts)]


class Remembered(dict[str, str]):
    """What a function says of a text, asked once for each of the last short texts.

    A dictionary, since that is fastest.
    """

    def __init__(self, function: Callable[[str], str]) -> None:
        self._function = function

    def __missing__(self, text: str) -> str:
        value = self._function(text)
        if len(text) <= LONGEST_REMEMBERED:
            if len(self) >= REMEMBERED:
                self.clear()
            self[text] = value
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
