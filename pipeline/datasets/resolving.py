"""From the rows of a chunk to lines for COPY: the rules of the fields first, then what the rows refer to."""

from collections.abc import Sequence
from itertools import compress, count, repeat

from pipeline.columns.column import Column
from pipeline.csv_text.rows import SourceRow, SourceRows
from pipeline.datasets.checking import Key, RowChecker, unknown_key
from pipeline.datasets.layout import stored_positions
from pipeline.datasets.outcome import Rejected, Resolved
from pipeline.datasets.references import NEW_ROW, KnownKeys
from pipeline.descriptions.description import Dataset
from pipeline.errors import OutOfOrderError
from pipeline.ledger import ledger
from pipeline.ledger.chunk import Claim
from pipeline.postgres.transaction import Transaction


class RowResolver:
    """Checks the rows of chunks of one dataset. Belongs to one worker, or to one preview."""

    def __init__(
        self,
        dataset: Dataset,
        columns: Sequence[Column],
        references: Sequence[KnownKeys],
        *,
        is_preview: bool = False,
        references_may_come: bool = False,
    ) -> None:
        """With `references_may_come`, unknown keys count as known: the loads that may hold them are not done yet."""
        self._dataset = dataset
        self._checker = RowChecker(columns)
        self._references = references
        self._is_preview = is_preview
        self._references_may_come = references_may_come
        self._stored = stored_positions(dataset)

    def resolve(self, tx: Transaction, claimed: Claim, rows: SourceRows) -> Resolved:
        """Rows as they come; those that are not good at first sight once more, each by itself, after the others.

        Raises OutOfOrderError if a row names a key that is not known, and a load of what it refers to is not done.
        """
        resolved = Resolved()
        named: list[set[Key]] = [set() for _ in self._references]
        doubtful: list[SourceRow] = []
        for block, texts in rows.blocks():
            doubtful += self._resolve_block(tx, claimed, block, texts, resolved, named) if texts else block
        self._resolve_row_by_row(tx, claimed, doubtful, resolved, named)
        for known_keys, keys in zip(self._references, named, strict=True):
            if not self._is_preview:
                known_keys.hold(tx, keys)
            known_keys.forget_surplus()
        return resolved

    def _resolve_block(
        self,
        tx: Transaction,
        claimed: Claim,
        rows: SourceRows,
        texts: Sequence[Sequence[str]],
        resolved: Resolved,
        named: list[set[Key]],
    ) -> list[SourceRow]:
        """Column by column. Returns the rows still in doubt."""
        found = self._checker.converted(texts)
        keys = [known_keys.keys(found) for known_keys in self._references]
        checked = [*found, *(known.targets(tx, each) for known, each in zip(self._references, keys, strict=True))]
        stored = (checked[position] for position in self._stored)
        lines = zip(repeat(str(claimed.source_id)), map(str, count(rows.first_row)), *stored)
        if not any(None in column for column in checked):
            resolved.lines.extend(map("\t".join, lines))
            for each, block_keys in zip(named, keys, strict=True):
                each.update(block_keys)  # type: ignore[arg-type]
            return []
        good = [None not in row for row in zip(*checked, strict=True)]
        resolved.lines.extend(map("\t".join, compress(lines, good)))
        for each, block_keys in zip(named, keys, strict=True):
            each.update(compress(block_keys, good))  # type: ignore[arg-type]
        return [rows.row(number) for number, is_good in enumerate(good) if not is_good]

    def _resolve_row_by_row(
        self, tx: Transaction, claimed: Claim, rows: list[SourceRow], resolved: Resolved, named: list[set[Key]]
    ) -> None:
        checked = [(row, *self._checker.checked(row)) for row in rows]
        self._look_up_again(tx, claimed, [texts for _, texts, _ in checked if texts])
        for row, texts, faults in checked:
            targets: list[str | None] = []
            for known_keys, keys in zip(self._references, named, strict=True):
                key, target = self._target(known_keys, texts)
                targets.append(target)
                if key is not None and target is None:
                    faults.append(unknown_key(known_keys.reference, known_keys.positions, row))
                elif key is not None:
                    keys.add(key)
            if faults:
                resolved.rejected.append(Rejected(row, tuple(faults)))
                continue
            values = [*texts, *targets]
            stored = [values[position] or "" for position in self._stored]
            resolved.lines.append("\t".join((str(claimed.source_id), str(row.row_number), *stored)))

    def _look_up_again(self, tx: Transaction, claimed: Claim, rows: list[list[str | None]]) -> None:
        """Looks unknown keys up once more, when no load of what they refer to is on its way any more.

        In this order: a key that is committed between the two statements must not be missed.
        """
        unknown = [
            (known_keys, keys)
            for known_keys in self._references
            if (keys := [key for key, target in (self._target(known_keys, texts) for texts in rows) if not target])
        ]
        if not any(key is not None for _, keys in unknown for key in keys):
            return
        others = tuple(name for known, _ in unknown if (name := known.reference.dataset) != self._dataset.name)
        if not self._is_preview and (waits_for := ledger.first_missing(tx, others)):
            raise OutOfOrderError(f"{claimed.source} chunk {claimed.number}", waits_for)
        for known_keys, keys in unknown:
            known_keys.look_up(tx, keys)

    def _target(self, known_keys: KnownKeys, texts: list[str | None]) -> tuple[Key | None, str | None]:
        """The key that a row names (None if its fields are bad), and what is stored for it (None if it is unknown)."""
        if not texts:
            return None, None
        [key] = known_keys.keys([[text] for text in texts])
        target = known_keys.target(key)
        return key, NEW_ROW if key is not None and target is None and self._references_may_come else target
