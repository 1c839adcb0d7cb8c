"""Rows that are known by their key: an upsert that follows the file, in any order of its chunks."""

from collections import Counter
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

from pipeline.csv_text.rows import SourceRows
from pipeline.datasets.outcome import Resolved, Stored
from pipeline.datasets.referrers import not_referred_to
from pipeline.datasets.rejecting import KeyFields, enter_rejected, rejected_rows
from pipeline.errors import OutOfOrderError, TransientError
from pipeline.ledger import kept_aside, ledger
from pipeline.ledger.chunk import Claim, Counts
from pipeline.ledger.load import Gone
from pipeline.postgres.queries import Queries
from pipeline.postgres.transaction import Transaction

SQL = Path(__file__).with_suffix(".sql")
RowsOf = Callable[[Claim, bytes], SourceRows]

EARLIER_ROW = "is the key of an earlier row"  # the reason why a row that repeats a key is rejected
REPEATS, BELONGS_TO_ANOTHER = "repeats", "belongs to another"  # verdicts of keyed.sql


class KeyedTable:
    """The table of a dataset with a primary key. A key belongs to one source, and goes with its row."""

    def __init__(self, dataset: str, names: dict[str, str], key: KeyFields, rows_of: RowsOf) -> None:
        """`names` are those that keyed.sql needs, quoted; `rows_of` reads the text of a chunk."""
        self._dataset = dataset
        self._names = names
        self._key = key
        self._rows_of = rows_of
        self._queries = Queries(SQL, names)
        self._repeating_load: int | None = None  # the last one of which a chunk had a key that was there already
        self.is_removed_with_source = "referred.source_id = %(source_id)s"

    def store(self, tx: Transaction, claimed: Claim, resolved: Resolved, rows: SourceRows) -> Stored:
        """Upserts the rows by their keys; rows that another row keeps from their key are rejected.

        Raises TransientError if a row of the same key was removed at this moment, OutOfOrderError if another source may
        still displace a row that this chunk would replace.
        """
        if self._are_copied(tx, claimed, resolved):
            inserted = len(resolved.copied)
        else:
            self._copy(tx, resolved)
            inserted = int(tx.value(self._queries["insert"], load=claimed.load))
        updated = unchanged = 0
        rejected = resolved.rejected
        if inserted < len(resolved.copied):
            if tx.value(self._queries["meet"], load=claimed.load) != len(resolved.copied):
                raise TransientError(f"rows of the same keys as in {claimed.source} were removed at this moment")
            self._check_decided(tx, claimed)
            [(inserted, updated, unchanged)] = tx.rows(self._queries["replace"], load=claimed.load)
            refused = {number: (self._key, _rule(*why)) for number, *why in tx.rows(self._queries["refused"])}
            rejected = [*rejected, *rejected_rows(rows, refused)]
            self._reject_displaced(tx, claimed.source)
            repeated = self._update_repeated(tx, claimed)
            updated, unchanged = updated + repeated, unchanged - repeated
        if kept_aside.may_be_displaced(tx, claimed):
            kept_aside.keep_text(tx, claimed, rows.content)
        return Stored(inserted, updated, unchanged, deleted=0, rejected=rejected)

    def finish(self, tx: Transaction, claimed: Claim) -> int:
        """With the last missing chunk of the dataset, removes what its sources no longer list.

        Returns how many rows of this source. Not with the last chunk of each load: whether a row of another source gets
        a key that goes would depend on the order of chunks. Rows that rows of other tables refer to stay, and go with
        the next run once nothing refers to them.
        """
        kept_aside.drop_texts(tx, self._dataset, claimed)
        missing = ledger.missing_besides(tx, claimed)
        if not missing.of_load:
            has_rows = tx.value(self._queries["has_earlier"], source_id=claimed.source_id, load=claimed.load)
            ledger.record_kept(tx, claimed.load, is_kept=bool(has_rows))
        return 0 if missing.of_dataset else self._remove_gone(tx, claimed.load)

    def has_removable_rows(self, tx: Transaction, source_id: int, load: int) -> bool:
        """Whether rows that the current load of a source does not list could be removed."""
        return bool(tx.value(self._queries_of_gone(tx)["has_removable_rows"], source_id=source_id, load=load))

    def compare(self, tx: Transaction, claimed: Claim, resolved: Resolved, rows: SourceRows) -> Stored:
        """What `store` and `finish` would do."""
        self._copy(tx, resolved)
        source = {"source": claimed.source, "source_id": claimed.source_id}
        verdicts: Counter[str] = Counter()
        refused = {}
        for number, verdict, held_by in tx.rows(self._queries["compare"], **source):
            verdicts[verdict] += 1
            if verdict in (REPEATS, BELONGS_TO_ANOTHER):
                refused[number] = (self._key, _rule(verdict, held_by))
        tx.run(self._queries["enter_previewed"], **source)
        repeated = int(tx.value(self._queries["update_previewed"], **source, load=claimed.load))
        deleted = int(tx.value(self._queries_of_gone(tx)["enter_gone"], **source)) if claimed.last_row is None else 0
        rejected = [*resolved.rejected, *rejected_rows(rows, refused)]
        updated, unchanged = verdicts["updates"] + repeated, verdicts["changes nothing"] - repeated
        return Stored(verdicts["inserts"], updated, unchanged, deleted, rejected)

    def loaded_rows(self, tx: Transaction, source_id: int) -> int:
        """How many rows of a source the table holds."""
        return int(tx.value(self._queries["loaded_rows"], source_id=source_id))

    def forget(self, tx: Transaction, source_id: int) -> int:
        """Removes the rows of a source; returns how many."""
        removed = int(tx.value(self._queries["forget"], source_id=source_id))
        ledger.free_keys(
            tx, self._dataset
        )  # after it: a row rejected since then was not rejected for one of these keys
        return removed

    def end_forgetting(self, tx: Transaction) -> None:
        """Does what waited for chunks that were forgotten with their source, as `finish` would have done."""
        kept_aside.drop_texts(tx, self._dataset)
        if not ledger.is_missing(tx, self._dataset):
            self._remove_gone(tx)

    def _remove_gone(self, tx: Transaction, own_load: int | None = None) -> int:
        """Returns how many rows of the own load's source; those of others count in the last chunks of their loads."""
        gone = [Gone(*row) for row in tx.rows(self._queries_of_gone(tx)["remove_gone"], dataset=self._dataset)]
        ledger.record_gone(tx, gone, own_load)
        if any(each.removed for each in gone):
            ledger.free_keys(tx, self._dataset)
        return sum(each.removed for each in gone if each.load == own_load)

    def _queries_of_gone(self, tx: Transaction) -> Queries:
        condition = not_referred_to(tx, self._names["table"], "held")
        return Queries(SQL, self._names | {"is_not_referred_to": condition})

    def _are_copied(self, tx: Transaction, claimed: Claim, resolved: Resolved) -> bool:
        """Copies the rows straight into the table if all of their keys are new, which costs half of an upsert.

        Not tried where that is unlikely: the source was loaded before, or another chunk of the load had a key twice.
        Nor where the server would log the key that stands twice: no log may hold what stands in a row.
        """
        if claimed.load == self._repeating_load or tx.logs_values() or not ledger.is_first_load(tx, claimed):
            return False
        columns = ("source_id", "row_number", self._names["columns"], "load_id", "outcome")
        constants = (str(claimed.load), "i")
        if tx.copied_if_keys_are_new(self._names["table"], columns, resolved.copied, constants):
            return True
        self._repeating_load = claimed.load
        return False

    def _copy(self, tx: Transaction, resolved: Resolved) -> None:
        tx.run(self._queries["empty_incoming"])
        tx.copy(self._names["incoming"], ("source_id", "row_number", self._names["columns"]), resolved.copied)

    def _reject_displaced(self, tx: Transaction, source: str) -> None:
        """Rejects rows that were loaded before an earlier row of their key came, from this source."""
        displaced = tx.rows(self._queries["displaced"])
        for (load, number), of_chunk in groupby(displaced, lambda row: (row[0], row[1])):
            outcomes = {row_number: outcome for _, _, row_number, outcome in of_chunk}
            claimed, content = kept_aside.kept_text(tx, load, number)
            verdict = REPEATS if claimed.source == source else BELONGS_TO_ANOTHER
            rows, broken = self._rows_of(claimed, content), dict.fromkeys(outcomes, (self._key, _rule(verdict, source)))
            enter_rejected(tx, claimed.source_id, rejected_rows(rows, broken))
            counts = Counter(outcomes.values())
            counted_before = Counts(counts["i"], counts["u"], counts["="], rejected=0, deleted=0)
            ledger.reject_committed(tx, claimed, counted_before)

    def _check_decided(self, tx: Transaction, claimed: Claim) -> None:
        for undecided in tx.rows(self._queries["undecided"]):
            first = ledger.first_missing(tx, (self._dataset,))
            if first and (first.load, first.plan.number) < undecided:
                raise OutOfOrderError(f"{claimed.source} chunk {claimed.number}", first)

    def _update_repeated(self, tx: Transaction, claimed: Claim) -> int:
        """Returns how many rows of this chunk count as updated, not as unchanged; corrects the counts of others."""
        counts: dict[int, int] = dict(tx.rows(self._queries["update_repeated"], load=claimed.load))
        own = counts.pop(claimed.number, 0)
        for number, count in counts.items():
            ledger.update_committed(tx, claimed.load, number, count)
        return own


def _rule(verdict: str, source: str) -> str:
    return EARLIER_ROW if verdict == REPEATS else another_source(source)


def another_source(source: str) -> str:
    """What is said of a row whose key another source holds."""
    return f"is the key of a row of {source}"
