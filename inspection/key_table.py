"""Keys of rows in a table on disk, so that memory does not grow with the files."""

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

    def is_before(self, source: int, row_number: int) -> bool:
        return (self.source, self.row_number) < (source, row_number)


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
        self.name = f"keys_{number}"
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

    def leave_out(self, rows: str) -> None:
        """From now on, keys of rows in this table count as unknown; they stay taken."""
        self._look_up += f" AND (source, row_number) NOT IN (SELECT source, row_number FROM {rows})"  # noqa: S608
        self._remembered.clear()


class OwnNames:
    """Which rows of a dataset name which keys of the same dataset."""

    def __init__(self, store: KeyStore, number: int, tables: Sequence[KeyTable]) -> None:
        """`tables` hold the keys that each of the references names; `number` tells those of a store apart."""
        self._connection = store.connection
        self._number = number
        self._tables = tables
        for position in range(len(tables)):
            names = self._names(position)
            store.connection.execute(f"CREATE TABLE {names} (key TEXT, source INTEGER, row_number INTEGER)")

    def enter(self, position: int, source: int, named: Iterable[HeldKey]) -> None:
        """Enters the keys that rows name by one of the references."""
        rows = ((key, source, number) for key, number in named)
        self._connection.executemany(f"INSERT INTO {self._names(position)} VALUES (?, ?, ?)", rows)  # noqa: S608

    def leave_orphans_out(self, held: Iterable[KeyTable]) -> None:
        """Makes the keys of rows unknown that name a row which there is not, or a row that does so, and so on."""
        orphans = f"orphans_{self._number}"
        self._connection.execute(
            f"CREATE TABLE {orphans} (source INTEGER, row_number INTEGER, PRIMARY KEY (source, row_number))"
            " WITHOUT ROWID"
        )
        first, following = [], []
        for position, table in enumerate(self._tables):
            names = self._names(position)
            self._connection.execute(f"CREATE INDEX {names}_key ON {names} (key)")
            self._connection.execute(
                f"CREATE INDEX IF NOT EXISTS {table.name}_row ON {table.name} (source, row_number)"
            )
            first.append(
                f"SELECT source, row_number FROM {names} WHERE key NOT IN (SELECT key FROM {table.name})"  # noqa: S608
            )
            following.append(
                f"SELECT {names}.source, {names}.row_number FROM found"  # noqa: S608
                f" JOIN {table.name} AS held ON held.source = found.source AND held.row_number = found.row_number"
                f" JOIN {names} ON {names}.key = held.key"
            )
        self._connection.execute(
            f"WITH RECURSIVE found (source, row_number) AS ({' UNION '.join([*first, *following])})"  # noqa: S608
            f" INSERT INTO {orphans} SELECT source, row_number FROM found"
        )
        for table in held:
            table.leave_out(orphans)

    def _names(self, position: int) -> str:
        return f"names_{self._number}_{position}"
