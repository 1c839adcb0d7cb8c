"""What a dataset is: which files hold it, the rules of a row, and how good rows get into its table."""

import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from pipeline.database import Transaction
from pipeline.ledger import Claim
from pipeline.rows import Fault, SourceRow, SourceRows

LONGEST_TEXT = 200  # characters, as the CHECKs in schema.sql


@dataclass(frozen=True)
class Rejected:
    """A row that breaks rules of its dataset, and all of those rules."""

    row: SourceRow
    faults: tuple[Fault, ...]


@dataclass(frozen=True)
class Resolved:
    """The rows of a chunk, checked, with what the good ones refer to looked up."""

    lines: list[str] = field(default_factory=list)  # rows to be stored as COPY takes them, without line ends
    rejected: list[Rejected] = field(default_factory=list)
    references: set[str] = field(default_factory=set)  # ids of the rows that good rows refer to


@dataclass(frozen=True)
class Stored:
    """What became of the rows of a chunk, or would."""

    inserted: int
    updated: int
    unchanged: int
    deleted: int
    rejected: Sequence[Rejected]


class Dataset(ABC):
    """A kind of rows. An instance belongs to one worker, or to one preview, and may keep what it looked up.

    A preview says what loading would do, without doing it. What the rows refer to may then be loaded by the same run:
    `places_previewed` (see places_preview.sql) is taken for loaded.
    """

    name: ClassVar[str]
    columns: ClassVar[tuple[str, ...]]  # required in the header of each file
    refers_to: ClassVar[tuple[str, ...]] = ()  # datasets whose rows this one's rows name
    # Whether the rows of a committed chunk stay as they are until a chunk of the same source that covers their row
    # numbers replaces them; then a new version of the file does not load the same chunk again.
    chunks_stay: ClassVar[bool] = False

    def __init__(self, *, is_preview: bool = False, references_may_come: bool = False) -> None:
        """With `references_may_come` a preview takes unknown references for good: others are loading what they name."""
        self._is_preview = is_preview
        self._references_may_come = references_may_come

    @classmethod
    def holds(cls, source: str) -> bool:
        """Whether a file of this name (relative to the data folder, without .gz) holds this dataset.

        In capital letters too, and in folders of the dataset's name at any depth.
        """
        return re.fullmatch(rf"{cls.name}(-[^/]*|/.+)?\.csv", source, re.IGNORECASE | re.DOTALL) is not None

    @abstractmethod
    def faults(self, fields: Sequence[str]) -> list[Fault]:
        """The rules that cleaned fields break, of those that need no database."""

    def prepare_preview(self, tx: Transaction) -> None:  # noqa: B027 (most datasets need nothing)
        """Makes place for what the preview of this dataset tells the previews of others, for this transaction."""

    @abstractmethod
    def resolve(self, tx: Transaction, claimed: Claim, rows: SourceRows) -> Resolved:
        """Checks the rows of a chunk by all rules."""

    @abstractmethod
    def store(self, tx: Transaction, claimed: Claim, rows: SourceRows) -> Stored:
        """Makes the table hold exactly the good rows of the claimed chunk in place of what it held of them."""

    @abstractmethod
    def compare(self, tx: Transaction, claimed: Claim, resolved: Resolved, row_count: int) -> Stored:
        """What `store` would do with a chunk of so many rows. Chunks of a version are to be compared in order."""

    @abstractmethod
    def loaded_rows(self, tx: Transaction, source_id: int) -> int:
        """How many rows of a source the table holds."""

    @abstractmethod
    def forget(self, tx: Transaction, source_id: int) -> int:
        """Removes the rows of a source from the table; returns how many. Raises InUseError if others refer to them."""

    def checker(self) -> Callable[[SourceRow], list[Fault]]:
        """Says of each row of one file, asked in order, what faults it has that need no database."""
        return lambda row: self.checked(row)[1]

    def checked(self, row: SourceRow) -> tuple[tuple[str, ...], list[Fault]]:
        """The fields as they would be stored, and all faults that need no database."""
        fields = tuple(map(clean, row.fields))
        return fields, [*row.faults, *self.faults(fields)] if fields else list(row.faults)


def clean(text: str) -> str:
    """Text as it is compared and stored: trimmed, Unicode NFC."""
    return unicodedata.normalize("NFC", text.strip())


def text_fault(column: str, text: str) -> Fault | None:
    """Why a cleaned text cannot be stored in a required column, or None if it can."""
    if not text:
        return Fault(column, "is empty")
    if len(text) > LONGEST_TEXT:
        return Fault(column, f"is longer than {LONGEST_TEXT} characters")
    return None


def copy_field(text: str) -> str:
    """Text escaped for COPY's text format. https://www.postgresql.org/docs/current/sql-copy.html"""
    if "\\" in text or "\t" in text or "\n" in text or "\r" in text:
        text = text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    return text
