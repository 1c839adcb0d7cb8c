"""Names of constraints and indexes: TABLE_COLUMN_RULE, within PostgreSQL's 63 bytes, the same every time."""

import hashlib

LONGEST_NAME = 63  # bytes; PostgreSQL cuts longer ones off, silently
DIGEST_LENGTH = 8  # hexadecimal digits at the end of a shortened name


class ConstraintNames:
    """Names for one table, each given once."""

    def __init__(self, table: str) -> None:
        self._table = table
        self._given: set[str] = set()

    def name(self, *parts: str) -> str:
        """Such as people_given_name_length; with a digest at the end if it is too long, or given already."""
        name = "_".join((self._table, *parts))
        if len(name.encode()) > LONGEST_NAME or name in self._given:
            name = _with_digest(name, "\0".join((self._table, *parts)))
        self._given.add(name)
        return name


def shortened(name: str) -> str:
    """The name, or if it is too long its beginning with a digest of it."""
    return _with_digest(name, name) if len(name.encode()) > LONGEST_NAME else name


def _with_digest(name: str, of: str) -> str:
    beginning = name.encode()[: LONGEST_NAME - DIGEST_LENGTH - 1].decode(errors="ignore")
    return f"{beginning}_{hashlib.sha256(of.encode()).hexdigest()[:DIGEST_LENGTH]}"
