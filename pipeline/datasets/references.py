"""References: which rows of other datasets the rows of a chunk name."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.columns.column import NULL, Column
from pipeline.datasets.checking import Key, keys_in
from pipeline.datasets.names import gone_name, previewed_name
from pipeline.descriptions.description import Dataset, Reference
from pipeline.postgres.copy_format import copy_field_text
from pipeline.postgres.queries import Queries
from pipeline.postgres.quoting import quote_identifier
from pipeline.postgres.transaction import Transaction
from pipeline.postgres.translating import ForeignKeyError
from pipeline.tables.recorded import Recorded

SQL = Path(__file__).with_suffix(".sql")
KNOWN_KEYS = 100_000  # keys of one reference that are remembered
LONGEST_KNOWN = 50  # characters of a key that is remembered; memory must not grow with the width of a field
NEW_ROW = "0"  # in a preview, the id of a row that is not in its table yet


@dataclass(frozen=True)
class Previewed:
    """Quoted names of the tables of what a run would have done with a table before, in a preview."""

    rows: str  # that it would have loaded
    gone: str  # that it would have removed

    @classmethod
    def of(cls, table: str) -> "Previewed":
        return cls(quote_identifier(previewed_name(table)), quote_identifier(gone_name(table)))


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
        previewed: Previewed | None = None,
    ) -> None:
        """`positions` are those of the reference's fields, `types` their PostgreSQL types.

        `table` and `columns` are what the fields refer to, quoted; `previewed`, in a preview, is what the same run
        would do with that table before.
        """
        self.reference = reference
        self.positions = tuple(positions)
        # Key -> what the id column holds; 0 if the reference has none.
        self._targets: dict[Key | None, str] = {NULL: NULL}
        wanted = [f"wanted.k{n}::{types[n]}" for n in range(len(columns))]
        same = " AND ".join(f"gone.{column} = held.{column}" for column in columns)
        left = f"WHERE NOT EXISTS (SELECT FROM {previewed.gone} AS gone WHERE {same})" if previewed else ""
        loaded = f"UNION ALL SELECT {NEW_ROW}, {', '.join(columns)} FROM {previewed.rows}" if previewed else ""
        names = {
            "table": table,
            "columns": ", ".join(columns),
            "id": "id" if reference.id_column else NEW_ROW,
            "wanted": ", ".join(f"%(k{n})s::text[]" for n in range(len(columns))),
            "wanted_columns": ", ".join(f"k{n}" for n in range(len(columns))),
            "is_wanted": " AND ".join(f"target.{columns[n]} = {key}" for n, key in enumerate(wanted)),
            "is_found": " AND ".join(f"target.c{n} = {key}" for n, key in enumerate(wanted)),
            "found_columns": ", ".join(f"c{n}" for n in range(len(columns))),  # one of its own may be called id
            "left": left,
            "loaded": loaded,
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
        return {f"k{n}": [copy_field_text(row[n]) for row in rows] for n in range(len(self.positions))}


def _length(key: Key) -> int:
    return len(key) if isinstance(key, str) else sum(map(len, key))


def known_keys(
    dataset: Dataset, columns: Sequence[Column], reference: Reference, target: Recorded, is_previewed: bool
) -> KnownKeys:
    """The keys that rows of a dataset may name by a reference; `target` is what it refers to.

    In a preview, `is_previewed` says whether the same run would load that before.
    """
    names = [field.name for field in dataset.fields]
    positions = [names.index(name) for name in reference.fields]
    return KnownKeys(
        reference,
        positions,
        [columns[position].postgresql_type for position in positions],
        quote_identifier(target.schema, target.table),
        [quote_identifier(target.home.columns[key]) for key in reference.keys],
        Previewed.of(target.table) if is_previewed else None,
    )
