"""References: which rows of other datasets the rows of a chunk name."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from pipeline.columns.column import NULL
from pipeline.datasets.checking import Key, keys_in
from pipeline.descriptions.description import Reference
from pipeline.postgres.database import ForeignKeyError, Transaction, uncopied
from pipeline.postgres.queries import Queries

SQL = Path(__file__).with_suffix(".sql")
KNOWN_KEYS = 100_000  # keys of one reference that are remembered
LONGEST_KNOWN = 50  # characters of a key that is remembered; memory must not grow with the width of a field
NEW_ROW = "0"  # in a preview, the id of a row that is not in its table yet


class KnownKeys:
    """The keys that rows may name by one reference, looked up when they are first named and then remembered.

    Belongs to one worker, or to one preview.
    """

    def __init__(
        self,
        reference: Reference,
        positions: Sequence[int],
        types: Sequence[str],
        table: str,
        columns: Sequence[str],
        previewed: str | None = None,
    ) -> None:
        """`positions` are those of the reference's fields, `types` their PostgreSQL types.

        `table` and `columns` are what the fields refer to; `previewed`, in a preview, is the table of the rows that the
        same run would load before. All names are quoted.
        """
        self.reference = reference
        self.positions = tuple(positions)
        # Key -> what the id column holds; 0 if the reference has none.
        self._targets: dict[Key | None, str] = {NULL: NULL}
        casts = [f"target.{column} = wanted.k{n}::{types[n]}" for n, column in enumerate(columns)]
        previewed_rows = f"UNION ALL SELECT {NEW_ROW}, {', '.join(columns)} FROM {previewed}" if previewed else ""
        names = {
            "table": table,
            "columns": ", ".join(columns),
            "id": "id" if reference.id_column else NEW_ROW,
            "wanted": ", ".join(f"%(k{n})s::text[]" for n in range(len(columns))),
            "wanted_columns": ", ".join(f"k{n}" for n in range(len(columns))),
            "is_wanted": " AND ".join(casts),
            "is_looked_up": " AND ".join(f"target.k{n} = wanted.k{n}::{each}" for n, each in enumerate(types)),
            "previewed": previewed_rows,
        }
        self._queries = Queries(SQL, names)

    def keys(self, columns: Sequence[Sequence[str | None]]) -> Sequence[Key | None]:
        """The key that each row of a block names, as `keys_in` has it; `columns` are all of the block."""
        return keys_in(columns, self.positions)

    def target(self, key: Key | None) -> str | None:
        """What the id column holds for a key, or None while the key is not known."""
        return self._targets.get(key)

    def targets(self, tx: Transaction, keys: Sequence[Key | None]) -> list[str | None]:
        """`target` of each key of a block, after those that are not known yet were looked up."""
        found = list(map(self._targets.get, keys))
        if None in found:
            self.look_up(tx, keys)
            found = list(map(self._targets.get, keys))
        return found

    def look_up(self, tx: Transaction, keys: Iterable[Key | None]) -> None:
        """Finds out which of these keys there are now."""
        unknown = list({key: None for key in keys if key is not None and self.target(key) is None})
        if not unknown:
            return
        for position, target in tx.rows(self._queries["look_up"], **self._as_parameters(unknown)):
            self._targets[unknown[position - 1]] = target

    def hold(self, tx: Transaction, named: set[Key]) -> None:
        """Keeps the rows that are named where they are until the end of the transaction.

        Takes the lock that the foreign key's trigger would take for each row. Raises ForeignKeyError if one is gone.
        """
        keys = [key for key in named if key != NULL]
        if self.reference.id_column:
            ids = list({int(self._targets[key]) for key in keys})
            held, expected = tx.value(self._queries["hold_ids"], ids=ids), len(ids)
        else:
            held, expected = tx.value(self._queries["hold_keys"], **self._as_parameters(keys)), len(keys)
        if held != expected:
            raise ForeignKeyError(f"a row of {self.reference.dataset} that the chunk refers to is gone")

    def forget_surplus(self) -> None:
        """Keeps memory from growing with the number and the width of keys; call it between chunks."""
        if len(self._targets) > KNOWN_KEYS or any(_length(key) > LONGEST_KNOWN for key in self._targets if key):
            self._targets = {NULL: NULL}

    def _as_parameters(self, keys: Sequence[Key]) -> dict[str, list[str]]:
        rows = [(key,) if isinstance(key, str) else key for key in keys]
        return {f"k{n}": [uncopied(row[n]) for row in rows] for n in range(len(self.positions))}


def _length(key: Key) -> int:
    return len(key) if isinstance(key, str) else sum(map(len, key))
