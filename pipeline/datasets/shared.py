"""Rows whose keys several sources may list, such as places: the newest source decides, and none is ever removed.

What each source lists is kept in a table of its own, next to the table of what they decide. A dataset may have SQL of
its own for the step from the first to the second; see docs/extending.md.
"""

from collections.abc import Sequence
from pathlib import Path

from pipeline import remedies
from pipeline.csv_text.rows import SourceRows
from pipeline.datasets.outcome import Resolved, Stored
from pipeline.datasets.rejecting import KeyFields, rejected_rows
from pipeline.descriptions.own_sql import NAMES, OwnSql
from pipeline.errors import BrokenSqlError, OutOfOrderError, PipelineError, QueryError
from pipeline.ledger import ledger
from pipeline.ledger.chunk import Claim
from pipeline.postgres.queries import Queries
from pipeline.postgres.transaction import Transaction
from pipeline.postgres.translating import ForeignKeyError
from pipeline.wording import counted

SQL = Path(__file__).with_suffix(".sql")
Refused = dict[int, tuple[KeyFields, str]]  # row number -> key and the rule that it breaks
NAMED_AT_MOST = 3  # fields that a fault names


class SharedTable:
    """The tables of a dataset with shared keys: the listings of each source, and what they decide."""

    def __init__(
        self, dataset: str, names: dict[str, str], key: KeyFields, others: Sequence[str], own_sql: OwnSql | None
    ) -> None:
        """`names` are those that shared.sql needs, quoted; `others` are the fields that are not of the key.

        `own_sql` has statements in place of those of the same names in shared.sql.
        """
        self._dataset = dataset
        self._names = names
        self._key = key
        self._rule = contradiction(others)
        self._queries = Queries(SQL, names | {"and_previewed": ""})
        self._queries_of_preview = Queries(SQL, names | {"and_previewed": self._queries["and_previewed"]})
        self._own_sql = own_sql
        self.is_removed_with_source = self._queries["is_listed_by_it_alone"]

    def store(self, tx: Transaction, claimed: Claim, resolved: Resolved, rows: SourceRows) -> Stored:
        """Lists the keys; one that is listed again counts as unchanged, or is rejected if it contradicts.

        Chunks of a load follow each other in order, so that the earlier row wins however many workers run.
        """
        if waits_for := ledger.first_missing_before(tx, claimed):
            raise OutOfOrderError(f"{claimed.source} chunk {claimed.number}", waits_for)
        load = {"dataset": self._dataset, "source_id": claimed.source_id, "load": claimed.load}
        self._copy(tx, resolved)
        refused = self._refused(tx, self._queries, **load)
        tx.run(self._queries["list"], **load)
        tx.run(self._queries["find_deciding"], **load, is_last=claimed.last_row is None)
        return self._stored(self._decide(tx), resolved, rows, refused)

    def finish(self, tx: Transaction, claimed: Claim) -> int:  # noqa: ARG002
        """Nothing is removed: keys that a source drops stay."""
        return 0

    def compare(self, tx: Transaction, claimed: Claim, resolved: Resolved, rows: SourceRows) -> Stored:
        """What `store` would do."""
        of_source = {"source": claimed.source, "source_id": claimed.source_id, "load": claimed.load}
        self._copy(tx, resolved)
        refused = self._refused(tx, self._queries_of_preview, **of_source)
        [(inserted, updated)] = tx.rows(self._queries["compare"])
        stored = self._stored((inserted, updated), resolved, rows, refused)
        tx.run(self._queries["enter_previewed"], source=claimed.source)
        return stored

    def loaded_rows(self, tx: Transaction, source_id: int) -> int:
        """How many keys the current load of a source lists."""
        return int(tx.value(self._queries["loaded_rows"], source_id=source_id))

    def forget(self, tx: Transaction, source_id: int) -> int:
        """Removes the keys that no other source lists; returns how many."""
        tx.run(self._queries["lock"], dataset=self._dataset)
        tx.run(self._queries["unlist"], source_id=source_id)
        self._decide(tx)
        if self._own_sql:
            [removed] = self._counts_of_own(tx, self._own_sql, "remove_unlisted", 1)
            return removed
        return int(tx.value(self._queries["remove_unlisted"]))

    def _copy(self, tx: Transaction, resolved: Resolved) -> None:
        tx.run(self._queries["empty_incoming"])
        tx.copy(self._names["incoming"], ("source_id", "row_number", self._names["columns"]), resolved.lines)

    def _refused(self, tx: Transaction, queries: Queries, **of_load: object) -> Refused:
        """Leaves the incoming rows that may decide something; returns the rules that contradicting rows break."""
        repeating = tx.rows(queries["repeats"], **of_load)
        tx.run(queries["drop_listed"], **of_load)
        return {row_number: (self._key, self._rule) for row_number, differs in repeating if differs}

    def _decide(self, tx: Transaction) -> tuple[int, int]:
        """Enters the deciding listings into the table; how many of the incoming keys are new, and how many changed."""
        if self._own_sql:
            inserted, updated = self._counts_of_own(tx, self._own_sql, "decide", 2)
        else:
            [(inserted, updated)] = tx.rows(self._queries["decide"])
        return inserted, updated

    def _counts_of_own(self, tx: Transaction, own_sql: OwnSql, statement: str, count: int) -> list[int]:
        """What a statement of the dataset's own returns: one row of so many counts.

        Raises BrokenSqlError, naming file, line, statement and remedy, if it is wrong.
        """
        section = own_sql.statements[statement]
        try:
            found = tx.rows_of_own(NAMES.sub(lambda name: self._names[name[1]], section.text))
        except ForeignKeyError as error:
            raise ForeignKeyError(f"{section.place()}: {error}") from error
        except QueryError as error:
            if own_sql.is_of_project:
                raise PipelineError(str(error)) from error
            raise _broken(section.place(error.position), str(error)) from error
        counts = [value for row in found for value in row]
        if len(found) != 1 or len(counts) != count or not all(isinstance(each, int) and each >= 0 for each in counts):
            wanted = f"one row of {counted(count, 'whole number')} from 0 on"
            raise _broken(section.place(), f"it has to return {wanted}, and did not")
        return counts

    def _stored(self, decided: tuple[int, int], resolved: Resolved, rows: SourceRows, refused: Refused) -> Stored:
        inserted, updated = decided
        unchanged = len(resolved.lines) - len(refused) - inserted - updated
        if unchanged < 0 and self._own_sql:
            place = self._own_sql.statements["decide"].place()
            raise _broken(
                place, f"it returned {inserted} and {updated}, of fewer incoming rows; count _is_incoming alone"
            )
        rejected = [*resolved.rejected, *rejected_rows(rows, refused)]
        return Stored(inserted, updated, unchanged, deleted=0, rejected=rejected)


def _broken(place: str, fault: str) -> BrokenSqlError:
    return BrokenSqlError(f"{place}: {fault}; correct the file, {remedies.current.use_own_sql}")


def contradiction(others: Sequence[str]) -> str:
    """What is said of a row that lists a key with other values than an earlier one; `others` are the other fields."""
    return f"is listed with {_differing(others)} in an earlier row"


def _differing(others: Sequence[str]) -> str:
    """Such as: another county or country."""
    if not others or len(others) > NAMED_AT_MOST:
        return "other values"
    *first, last = others
    return f"another {', '.join(first)} or {last}" if first else f"another {last}"
