"""What a dataset is: which files hold it, the rules of a row, and how good rows get into its table."""

import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from pipeline.database import Transaction
from pipeline.ledger import Claim

LONGEST_TEXT = 200  # characters, as the CHECKs in schema.sql


@dataclass(frozen=True)
class SourceRow:
    """A row as it stands in the file."""

    row_number: int  # from 1, header not counted
    line: int  # on which it begins, the header begins on 1
    fields: tuple[str, ...]  # the dataset's columns, in its order; empty if their number is wrong
    raw: str  # physical text, without the last line end


@dataclass(frozen=True)
class Rejected:
    """A row that breaks rules of its dataset, and all of those rules."""

    row: SourceRow
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Stored:
    """What became of the good rows of a chunk, and the bad ones."""

    inserted: int
    updated: int
    unchanged: int
    deleted: int
    rejected: Sequence[Rejected]


class Dataset(ABC):
    """A kind of rows. An instance belongs to one worker and may remember what it looked up."""

    name: ClassVar[str]
    columns: ClassVar[tuple[str, ...]]  # required in the header of each file

    @classmethod
    def holds(cls, source: str) -> bool:
        """Whether a file of this name (relative to the data folder) holds this dataset."""
        return source == f"{cls.name}.csv"

    @abstractmethod
    def store(self, tx: Transaction, claimed: Claim, rows: Iterable[SourceRow]) -> Stored:
        """Makes the table hold exactly the good rows of the claimed chunk in place of what it held of them."""


def clean(text: str) -> str:
    """Text as it is compared and stored: trimmed, Unicode NFC."""
    return unicodedata.normalize("NFC", text.strip())


def text_fault(column: str, text: str) -> str | None:
    """Why a cleaned text cannot be stored in a required column, or None if it can."""
    if not text:
        return f"{column} is empty"
    if len(text) > LONGEST_TEXT:
        return f"{column} is longer than {LONGEST_TEXT} characters"
    return None


def copy_field(text: str) -> str:
    """Text escaped for COPY's text format. https://www.postgresql.org/docs/current/sql-copy.html"""
    if "\\" in text or "\t" in text or "\n" in text or "\r" in text:
        text = text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    return text
