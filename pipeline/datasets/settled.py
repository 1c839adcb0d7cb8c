"""Rows of datasets with several keys: kept aside chunk by chunk, and settled together once all chunks are there."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path

from pipeline.csv_text.rows import SourceRows
from pipeline.datasets.checking import unknown_reference
from pipeline.datasets.keyed import EARLIER_ROW, another_source
from pipeline.datasets.outcome import Resolved, Stored
from pipeline.datasets.pending import Pending, Settled
from pipeline.datasets.referrers import Referrer, referring_keys
from pipeline.datasets.rejecting import BrokenKey, KeyFields, enter_rejected, rejected_rows, replace_rejected
from pipeline.datasets.settled_names import Named, names_of_key, names_of_other, names_of_reference, own_names, same
from pipeline.descriptions.description import Dataset, own_references, unique_keys
from pipeline.ledger import kept_aside, ledger
from pipeline.ledger.chunk import Claim, Counts, KeptChunk
from pipeline.ledger.row_places import RowPlaces
from pipeline.postgres.queries import Queries
from pipeline.postgres.quoting import quote_identifier as quoted
from pipeline.postgres.transaction import Transaction

SQL = Path(__file__).with_suffix(".sql")
RowsOf = Callable[[Claim, bytes], SourceRows]
Resolve = Callable[[Transaction, Claim, SourceRows], Resolved]

REPEATS_UNIQUE = "is the same as in an earlier row"
IS_KEPT = "is that of a row which rows of others name"


class SettledTable:
    """The table of a dataset whose rows hold more keys than the primary one.

    Which row has a key depends on which rows have another: so all rows are settled together, in the order of the files,
    by the chunk that completes the dataset. Until then the table stays as it is.
    """

    def __init__(
        self,
        dataset: Dataset,
        digest: str,
        names: dict[str, str],
        rows_of: RowsOf,
        resolve: Resolve,
        named: Sequence[Named],
    ) -> None:
        """`names` are those of `statement_names`; `rows_of` reads the text of a chunk, and `resolve` checks its rows.

        `named` is what rows name in other datasets.
        """
        self._dataset = dataset.name
        self._rows_of = rows_of
        self._resolve = resolve
        self._others = [each.reference.dataset for each in named]
        fields = [field.name for field in dataset.fields]
        of_key = [dataset.primary_key] if dataset.primary_key else []
        self._keys = [KeyFields(key, tuple(map(fields.index, key))) for key in (*of_key, *unique_keys(dataset))]
        own = own_references(dataset)
        references = [*(each.reference for each in named), *own]
        self._named = [KeyFields(each.fields, tuple(map(fields.index, each.fields))) for each in references]
        self._unknown = list(map(unknown_reference, references))
        self._has_primary_key = bool(dataset.primary_key)
        column_of = {field.name: quoted(field.column) for field in dataset.fields}
        keys = [[column_of[name] for name in key.names] for key in self._keys]
        self._names = names | own_names(dataset, digest, keys)
        self._queries = Queries(SQL, self._names)
        self._queries_of_keys = [
            Queries(SQL, self._names | names_of_key(self._names, number, key)) for number, key in enumerate(keys)
        ]
        pairs = [[[column_of[name] for name in names] for names in (each.fields, each.keys)] for each in own]
        self._queries_of_references = [
            Queries(SQL, self._names | names_of_reference(self._names, number - len(pairs), *pair))
            for number, pair in enumerate(pairs)
        ]
        self._queries_of_others = [
            Queries(SQL, self._names | names_of_other(number - len(references), each))
            for number, each in enumerate(named)
        ]
        conditions = [names_of_reference(self._names, 0, *pair) for pair in pairs]
        self._orphans = Queries(
            SQL,
            self._names
            | {name: " OR ".join(each[name] for each in conditions) for name in ("names_none", "names_orphan")},
        )
        self.is_removed_with_source = "referred.source_id = %(source_id)s"

    def store(self, tx: Transaction, claimed: Claim, resolved: Resolved, rows: SourceRows) -> Stored:
        """Keeps the rows aside; they count as unchanged until they are settled."""
        kept_aside.keep_rows(tx, claimed, rows.content, "\n".join(resolved.lines).encode())
        return Stored(0, 0, len(resolved.lines), deleted=0, rejected=resolved.rejected)

    def finish(self, tx: Transaction, claimed: Claim) -> int:  # noqa: ARG002
        """Nothing is removed until the rows are settled."""
        return 0

    def settle(self, tx: Transaction) -> None:
        """If no chunk of the dataset is missing any more, makes its table hold the good rows of all files.

        Raises TransientError if one of the other sources is sealed or forgotten at this moment, OutOfOrderError if a
        row names what may still come.
        """
        if not kept_aside.is_dataset_complete(tx, self._dataset):
            return
        chunks = kept_aside.chunks_kept_aside(tx, self._dataset, self._others)
        self.prepare(tx)
        for chunk in chunks:
            if chunk.may_reject_fewer:
                self.copy(tx, self._resolved_again(tx, chunk))
            else:
                self.copy(tx, kept_aside.rows_kept_aside(tx, chunk.load, chunk.number))
        self._run_each(tx, self._queries_of_others, "refuse_unknown")
        of_source = {source_id: list(each) for source_id, each in groupby(chunks, lambda chunk: chunk.source_id)}
        settled = self.settled(tx, [Pending.of(each) for each in of_source.values()])
        tx.run(self._queries["apply"])
        moment, places = ledger.now(tx), RowPlaces(tx, {})
        for each in of_source.values():
            self._record(tx, each, settled, moment, places)
        if settled.changes_rows:
            ledger.free_keys(tx, self._dataset, moment)  # of other sources, which were settled before
        kept_aside.drop_kept_aside(tx, self._dataset)

    def _resolved_again(self, tx: Transaction, chunk: KeptChunk) -> list[str]:
        """The good rows of a chunk, with those that were rejected for what they name and that is there now."""
        claimed, content = kept_aside.kept_text(tx, chunk.load, chunk.number)
        resolved = self._resolve(tx, claimed, self._rows_of(claimed, content))
        replace_rejected(tx, claimed, resolved.rejected)
        return resolved.lines

    def _record(
        self, tx: Transaction, chunks: list[KeptChunk], settled: Settled, moment: datetime, places: RowPlaces
    ) -> None:
        """Enters what became of the rows of a source."""
        source_id, last = chunks[0].source_id, chunks[-1]
        gone, kept = settled.gone.get(source_id, (0, 0))
        for position, chunk in enumerate(chunks, 1):
            end = chunks[position].first_row if chunk is not last else None
            broken = self.refused(tx, source_id, chunk.first_row, end, places)
            if broken:
                claimed, content = kept_aside.kept_text(tx, chunk.load, chunk.number)
                enter_rejected(tx, source_id, rejected_rows(self._rows_of(claimed, content), broken))
            counts = settled.counts.get((source_id, position), (0, 0, 0))
            deleted = gone if chunk is last else 0
            kept_aside.record_settled(tx, chunk, Counts(*counts, rejected=0, deleted=deleted), moment)
        ledger.record_kept(tx, last.load, is_kept=bool(kept))

    def prepare(self, tx: Transaction) -> None:
        """Makes place for rows that are to be settled."""
        tx.run(self._queries["prepare"])
        self._run_each(tx, self._queries_of_keys, "prepare_key")
        self._run_each(tx, self._queries_of_references, "prepare_own_reference")

    def copy(self, tx: Transaction, lines: Iterable[str]) -> None:
        """Adds rows of a pending source."""
        tx.copy(self._names["incoming"], ("source_id", "row_number", self._names["columns"]), lines)

    def settled(self, tx: Transaction, pending: Sequence[Pending]) -> Settled:
        """Decides about the rows that were copied. Changes nothing but temporary tables."""
        for each in pending:
            tx.run(
                self._queries["enter_pending"],
                source_id=each.source_id,
                load=each.load,
                row_count=each.row_count,
                first_rows=each.first_rows,
            )
        tx.run(self._queries["analyze"])
        self._run_each(tx, self._queries_of_keys, "refuse")
        if len(pending) > 1:
            self._run_each(tx, self._queries_of_keys, "yield")
        keys = referring_keys(tx, self._names["table"])
        self._settle(tx)
        if keys:
            keep = self._keeping(keys)["keep"]
            while tx.value(keep):
                self._settle(tx)
        tx.run(self._queries["find_outcomes"])
        self._run_each(tx, self._queries_of_references, "find_orphans")
        tx.run(self._queries["find_unsettled"])
        return Settled(
            {(source_id, position): tuple(counts) for source_id, position, *counts in tx.rows(self._queries["counts"])},
            {source_id: (gone, kept) for source_id, gone, kept in tx.rows(self._queries["gone"])},
        )

    def changes(self, tx: Transaction) -> dict[int, tuple[int, int, int]]:
        """By source, how many rows would be inserted, updated and left unchanged by now, after `settled`."""
        return {source_id: tuple(counts) for source_id, *counts in tx.rows(self._queries["changes"])}

    def _settle(self, tx: Transaction) -> None:
        tx.run(self._queries["settle"])
        self._run_each(tx, self._queries_of_keys, "find_clashes")
        if self._queries_of_references:
            tx.run(self._orphans["drop_orphans"])

    def _keeping(self, keys: Sequence[Referrer]) -> Queries:
        """The statements that keep rows for those which these foreign keys say name them."""
        is_named, is_named_by_kept = ["false"], ["false"]
        for key in keys:
            names = self._names | {
                "referring": key.table,
                "refers": key.refers_to("held"),
                "settled_has_named_key": same("settled", "held", key.referred_columns),
                "is_staying": "NOT " + self._names["is_replaceable"].replace("held.", "referring."),
            }
            queries = Queries(SQL, names)
            is_named.append(queries["is_named_by_own_row" if key.is_own else "is_named_by_other_table"])
            if key.is_own:
                is_named_by_kept.append(queries["is_named_by_kept_row"])
        conditions = {"is_named": " OR ".join(is_named), "is_named_by_kept": " OR ".join(is_named_by_kept)}
        return Queries(SQL, self._names | conditions)

    @staticmethod
    def _run_each(tx: Transaction, of: Iterable[Queries], statement: str) -> None:
        for queries in of:
            tx.run(queries[statement])

    def refused(
        self,
        tx: Transaction,
        source_id: int,
        first_row: int,
        end: int | None,
        places: RowPlaces,
        names: Mapping[int, str] | None = None,
    ) -> dict[int, BrokenKey]:
        """The rows in a range of a source that other rows keep from being settled, after `settled`, by row number.

        `places` tells where the others stand; `names` are those of sources that the ledger does not know yet.
        """
        broken: dict[int, BrokenKey] = {}
        span = {"source_id": source_id, "first_row": first_row, "end": end}
        for row_number, key, by_source, name, by_row, is_kept in tx.rows(self._queries["unsettled"], **span):
            other = None if by_source in (None, source_id) else name or (names or {})[by_source]
            if key < 0:
                broken[row_number] = self._named[key], self._unknown[key]
            elif is_kept:
                broken[row_number] = self._keys[key], IS_KEPT
            elif key == 0 and self._has_primary_key:
                broken[row_number] = self._keys[key], another_source(other) if other else EARLIER_ROW
            else:
                broken[row_number] = self._keys[key], *repeats_unique(other, places.of(by_source, by_row))
        return broken

    def enter_previewed(self, tx: Transaction) -> None:
        """Enters the settled rows into those that the run would have loaded, and the others as removed."""
        tx.run(self._queries["enter_previewed"])

    def has_removable_rows(self, tx: Transaction, source_id: int, load: int) -> bool:
        """Whether rows could be removed that were kept for others."""
        keys = [key.names("held") for key in referring_keys(tx, self._names["table"])]
        queries = Queries(SQL, self._names | {"is_named_by_any": " OR ".join(keys) or "false"})
        return bool(tx.value(queries["has_removable_rows"], source_id=source_id, load=load))

    def loaded_rows(self, tx: Transaction, source_id: int) -> int:
        """How many rows of a source the table holds."""
        return int(tx.value(self._queries["loaded_rows"], source_id=source_id))

    def forget(self, tx: Transaction, source_id: int) -> int:
        """Removes the rows of a source; returns how many. What is kept aside of other sources is loaded again."""
        removed = int(tx.value(self._queries["forget"], source_id=source_id))
        ledger.free_keys(tx, self._dataset)
        kept_aside.reopen_kept_aside(tx, self._dataset)
        return removed


def repeats_unique(other: str | None, place: str) -> tuple[str, str]:
    """What is said of a row whose unique values a row at this place has, perhaps of another source."""
    rule = f"is the same as in a row of {other}" if other else REPEATS_UNIQUE
    return rule, f", {place}"
