"""The keys that rows hold: in a table on disk, so that memory does not grow with the files."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import NamedTuple

CACHE = 32_768  # KiB
REMEMBERED = 100_000  # keys that were looked up and found
LONGEST_REMEMBERED = 50  # characters


HeldKey = tuple[str, int]  # and the number of the row


class Holder(NamedTuple):
    """The row that held a key before."""

    source: int
    row_number: int
    content: bytes | None


@dataclass(frozen=True)
class KeyStore:
    """A database of tables of keys, which is gone when it is closed."""

    connection: sqlite3.Connection

    @classmethod
    def empty(cls) -> "KeyStore":
        connection = sqlite3.connect("", isolation_level=None)  # "": in a temporary file
        for setting in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{CACHE}"):
            connection.execute(f"PRAGMA {setting}")
        connection.execute("BEGIN")
        return cls(connection)

    def __enter__(self) -> "KeyStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()


class KeyTable:
    """The keys of one kind that the rows of a dataset hold."""

    def __init__(self, store: KeyStore, number: int, *, is_shared: bool) -> None:
        """`is_shared`: each source has keys of its own. `number` tells the tables of a store apart."""
        self._connection = store.connection
        self._is_shared = is_shared
        self._remembered: set[str] = set()
        columns = "key TEXT, scope INTEGER, source INTEGER, row_number INTEGER, content BLOB"
        store.connection.execute(f"CREATE TABLE keys_{number} ({columns}, PRIMARY KEY (key, scope)) WITHOUT ROWID")
        self._insert = f"INSERT OR IGNORE INTO keys_{number} VALUES (?, ?, ?, ?, ?)"  # noqa: S608 (a number)
        self._find = f"SELECT source, row_number, content FROM keys_{number} WHERE key = ? AND scope = ?"  # noqa: S608
        self._look_up = f"SELECT 1 FROM keys_{number} WHERE key = ?"  # noqa: S608

    def holders(self, source: int, keys: Sequence[str]) -> dict[str, Holder]:
        """The rows that hold some of these keys."""
        scope = source if self._is_shared else 0
        found = ((key, self._connection.execute(self._find, (key, scope)).fetchone()) for key in keys)
        return {key: Holder(*holder) for key, holder in found if holder}

    def enter(self, source: int, held: Sequence[HeldKey], contents: Mapping[int, bytes]) -> dict[int, Holder]:
        """Enters the keys of rows, in order; returns who holds the keys that other rows held before, by row number.

        `contents` are those of the rows' other values, where rows that repeat a key may be identical.
        """
        scope = source if self._is_shared else 0
        of_rows = map(contents.get, (number for _, number in held)) if contents else repeat(None)
        rows = ((key, scope, source, number, content) for (key, number), content in zip(held, of_rows, strict=False))
        if self._connection.executemany(self._insert, rows).rowcount == len(held):
            return {}
        holders = {}
        for key, number in held:
            holder = Holder(*self._connection.execute(self._find, (key, scope)).fetchone())
            if (holder.source, holder.row_number) != (source, number):
                holders[number] = holder
        return holders

    def unknown(self, keys: Iterable[str]) -> set[str]:
        """Those of the keys that no row holds."""
        fresh = set(keys) - self._remembered
        found = {key for key in fresh if self._connection.execute(self._look_up, (key,)).fetchone()}
        if len(self._remembered) > REMEMBERED:
            self._remembered.clear()
        self._remembered.update(key for key in found if len(key) <= LONGEST_REMEMBERED)
        return fresh - found
