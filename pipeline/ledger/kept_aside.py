"""Chunks kept aside: text and good rows of those of which it is not decided yet which row has which key."""

from collections.abc import Sequence
from datetime import datetime
from itertools import starmap
from pathlib import Path

from pipeline.errors import TransientError
from pipeline.ledger import ledger
from pipeline.ledger.chunk import Claim, Counts, KeptChunk
from pipeline.postgres.queries import Queries
from pipeline.postgres.transaction import Transaction, binary

SQL = Queries(Path(__file__).with_suffix(".sql"), ledger.COLUMNS)


def may_be_displaced(tx: Transaction, claimed: Claim) -> bool:
    """Whether a chunk is missing whose rows come before those of this one, in the same dataset."""
    return bool(tx.value(SQL["may_be_displaced"], dataset=claimed.dataset, load=claimed.load, number=claimed.number))


def keep_text(tx: Transaction, claimed: Claim, content: bytes) -> None:
    """Keeps the text of a chunk of a keyed dataset as long as an earlier row can have the key of one of its rows."""
    tx.run(SQL["keep_text"], load=claimed.load, number=claimed.number, content=binary(content))


def kept_text(tx: Transaction, load: int, number: int) -> tuple[Claim, bytes]:
    """A committed chunk whose text is kept."""
    [(*described, content)] = tx.rows(SQL["kept_text"], load=load, number=number)
    return ledger.as_claim(load, number, described), bytes(content)


def drop_texts(tx: Transaction, dataset: str, claimed: Claim | None = None) -> None:
    """Removes the texts that no missing chunk, this one aside, needs any more.

    Other transactions of the dataset that do so wait for the end of this one.
    """
    load, number = (claimed.load, claimed.number) if claimed else (0, 0)
    tx.run(SQL["drop_texts"], dataset=dataset, load=load, number=number)


def keep_rows(tx: Transaction, claimed: Claim, content: bytes, lines: bytes) -> None:
    """Keeps the good rows of a chunk aside until they are settled, as lines for COPY, and its text."""
    tx.run(SQL["keep_rows"], load=claimed.load, number=claimed.number, content=binary(content), lines=binary(lines))


def is_dataset_complete(tx: Transaction, dataset: str) -> bool:
    """Whether no chunk of its current loads is missing. Others who ask wait for the end of this transaction."""
    tx.run(SQL["lock_rows_kept_aside"], dataset=dataset)
    return ledger.first_missing(tx, (dataset,)) is None


def chunks_kept_aside(tx: Transaction, dataset: str, named: Sequence[str]) -> list[KeptChunk]:
    """The chunks of current loads whose rows are kept aside, in order. Their loads stay current for this transaction.

    `named` are the other datasets that its rows name.
    Raises TransientError if one of them is sealed again or forgotten at this moment.
    """
    if not tx.value(SQL["share_sources_kept_aside"], dataset=dataset):
        raise TransientError(f"a source of {dataset} is sealed or forgotten at this moment")
    return list(starmap(KeptChunk, tx.rows(SQL["chunks_kept_aside"], dataset=dataset, named=list(named))))


def sources_kept_aside(tx: Transaction, load: int) -> list[str]:
    """The sources of which rows are kept aside until all chunks of the dataset of a load are there."""
    return [name for (name,) in tx.rows(SQL["sources_kept_aside"], load=load)]


def rows_kept_aside(tx: Transaction, load: int, number: int) -> list[str]:
    """The rows of a chunk as `keep_rows` was given them."""
    lines = bytes(tx.value(SQL["rows_kept_aside"], load=load, number=number)).decode()
    return lines.split("\n") if lines else []


def drop_kept_aside(tx: Transaction, dataset: str) -> None:
    """Removes all that is kept aside of a dataset."""
    tx.run(SQL["drop_kept_aside"], dataset=dataset)


def reopen_kept_aside(tx: Transaction, dataset: str, description_sha256: str | None = None) -> None:
    """Makes chunks missing again whose rows are not settled yet, since the chunk that would have done so is gone.

    If a description is given, those that were loaded by another one.
    """
    tx.run(SQL["reopen_kept_aside"], dataset=dataset, description_sha256=description_sha256)


def record_settled(tx: Transaction, chunk: KeptChunk, counts: Counts, moment: datetime) -> None:
    """Enters what became of the rows of a chunk when they were settled; rows that are in no count were rejected."""
    tx.run(
        SQL["record_settled"],
        load=chunk.load,
        number=chunk.number,
        inserted=counts.inserted,
        updated=counts.updated,
        unchanged=counts.unchanged,
        deleted=counts.deleted,
        moment=moment,
    )
