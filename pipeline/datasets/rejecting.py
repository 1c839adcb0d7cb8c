"""Rejected rows: bad rows of a chunk, with all their faults, in the table rejected_rows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline.csv_text.rows import Fault, SourceRow, SourceRows
from pipeline.datasets.outcome import Rejected
from pipeline.ledger import ledger
from pipeline.ledger.chunk import Claim
from pipeline.postgres.copy_format import copy_field
from pipeline.postgres.transaction import Transaction

COLUMNS = ("source_id", "row_number", "line", "reason", "kinds", "raw")


@dataclass(frozen=True)
class KeyFields:
    """The fields of a dataset's key."""

    names: tuple[str, ...]
    positions: tuple[int, ...]  # among the dataset's fields

    def fault(self, row: SourceRow, rule: str, detail: str = "") -> Fault:
        """Such as: city 'Ayr' is the key of an earlier row."""
        values = ", ".join(row.fields[position].strip() for position in self.positions)
        return Fault(", ".join(self.names), rule, values, detail)


BrokenKey = tuple[KeyFields, str] | tuple[KeyFields, str, str]  # with the rule that it breaks, and its detail


def replace_rejected(tx: Transaction, claimed: Claim, rejected: Iterable[Rejected]) -> None:
    """Makes rejected_rows hold exactly the bad rows of this chunk in its range."""
    ledger.delete_rejected(tx, claimed)
    enter_rejected(tx, claimed.source_id, rejected)


def enter_rejected(tx: Transaction, source_id: int, rejected: Iterable[Rejected]) -> None:
    tx.copy("rejected_rows", COLUMNS, (_line(source_id, bad) for bad in rejected))


def rejected_rows(rows: SourceRows, broken: Mapping[int, BrokenKey]) -> list[Rejected]:
    """The rows of these numbers, each rejected for the rule that one of its keys breaks."""
    if not broken:
        return []
    return [
        Rejected(row, (key.fault(row, *rule),))
        for row in rows
        if row.row_number in broken
        for key, *rule in [broken[row.row_number]]
    ]


def _line(source_id: int, bad: Rejected) -> str:
    reason = copy_field("; ".join(map(str, bad.faults)))
    kinds = copy_field("{" + ",".join(map(_array_item, (fault.kind for fault in bad.faults))) + "}")
    return f"{source_id}\t{bad.row.row_number}\t{bad.row.line}\t{reason}\t{kinds}\t{copy_field(bad.row.raw)}"


def _array_item(text: str) -> str:
    """As PostgreSQL reads an item of an array."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
