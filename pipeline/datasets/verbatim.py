"""Chunks that COPY can read as they stand in the file: one pattern tells them, in a fraction of the time that it takes
to read and convert their fields.
"""

from collections.abc import Sequence
from pathlib import Path

import re2

from pipeline.columns.column import Column
from pipeline.descriptions.description import Dataset, is_settled
from pipeline.descriptions.header import field_positions
from pipeline.ledger.chunk import Claim
from pipeline.postgres.copy_format import CsvLines
from pipeline.postgres.queries import Queries
from pipeline.postgres.transaction import Transaction

DELIMITERS = (",", ";", "\t", "|")
MOST_MEMORY = 16 << 20  # bytes, for the pattern of a dataset; the patterns of some hundred columns fit in
SQL = Path(__file__).with_suffix(".sql")


class VerbatimRows:
    """Tells chunks whose rows are all good, but for the CHECKs of the table. Belongs to one worker.

    The patterns match trimmed texts in NFC, without line ends, which PostgreSQL reads as the values that the columns
    would copy. What a CHECK or a key says remains to be found out by COPY.
    """

    def __init__(self, dataset: Dataset, columns: Sequence[Column], table: str) -> None:
        """`table` is its quoted name."""
        self._dataset = dataset
        self._columns = columns
        self._conditions = [condition for column in columns for _, condition in column.checks()]
        self._queries = Queries(SQL, {"table": table})
        self._pattern: re2._Regexp[bytes] | None = None
        self._pattern_of: tuple[str, tuple[str, ...]] | None = None  # delimiter and header

    def lines(self, tx: Transaction, claimed: Claim, content: bytes) -> CsvLines | None:
        """The rows of a chunk, each with its source and number; None if they have to be read and checked one by one.

        Those of the table's CHECKs that have to hold are there until the transaction ends, and a row that breaks one
        shows in no log of the server.
        """
        if self._pattern_of != (claimed.delimiter, claimed.columns):
            self._pattern = self._compiled(claimed)
            self._pattern_of = claimed.delimiter, claimed.columns
        if not content.endswith(b"\n"):
            content += b"\n"
        if self._pattern is None or not self._pattern.fullmatch(content):
            return None
        if not tx.value(self._queries["holds_rules"], dataset=self._dataset.name, conditions=self._conditions):
            return None
        lead = f"{claimed.source_id}{claimed.delimiter}%d{claimed.delimiter}%b".encode()
        numbered = enumerate(content.splitlines(), claimed.first_row)
        return CsvLines([lead % row for row in numbered], claimed.delimiter)

    def _compiled(self, claimed: Claim) -> "re2._Regexp[bytes] | None":
        """The pattern of a load's chunks; None if there is none, as where the file has its columns in another order."""
        width = len(claimed.columns)
        in_order = field_positions(self._dataset, claimed.columns, claimed.source) == tuple(range(width))
        if claimed.delimiter not in DELIMITERS or not in_order or width < 2:  # an empty line is no row
            return None
        fields = [column.verbatim(claimed.delimiter) for column in self._columns]
        if None in fields:
            return None
        options = re2.Options()
        options.log_errors, options.never_capture, options.max_mem = False, True, MOST_MEMORY
        delimiter = r"\|" if claimed.delimiter == "|" else claimed.delimiter
        try:
            return re2.compile(f"(?:{delimiter.join(map(str, fields))}\r?\n)*", options)
        except re2.error:  # too large
            return None


def takes_verbatim(dataset: Dataset) -> bool:
    """Whether rows go from the file into a table as they stand: by position or key, referring to nothing."""
    dialect = dataset.dialect
    return not (dataset.references or dataset.shared_keys or is_settled(dataset)) and (
        (dialect.quote_char, dialect.double_quote, dialect.escape_char, dialect.comment_char) == ('"', True, None, None)
    )
