"""Checks the rows of a dataset as a load would: fields, then references, then keys."""

import hashlib
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from operator import itemgetter

from inspection.comparable import Texts, comparable
from inspection.file_rows import FileRows
from inspection.key_table import HeldKey, Holder, KeyStore, KeyTable, OwnNames
from pipeline.columns.column import NULL, column
from pipeline.csv_text.rows import Fault, SourceRow, SourceRows
from pipeline.datasets.checking import RowChecker, keys_in, unknown_key
from pipeline.datasets.keyed import EARLIER_ROW, another_source
from pipeline.datasets.outcome import Rejected
from pipeline.datasets.rejecting import BrokenKey, KeyFields, rejected_rows
from pipeline.datasets.settled import repeats_unique
from pipeline.datasets.shared import contradiction
from pipeline.descriptions.description import Dataset, Reference, unique_keys
from pipeline.ledger.chunk import ChunkPlan
from pipeline.ledger.row_places import place


@dataclass(frozen=True)
class OwnKey:
    """A key that the rows of a dataset hold, each row another one."""

    fields: tuple[str, ...]
    positions: tuple[int, ...]  # in the order of the fields' names, in which references name the key as well
    table: KeyTable
    is_primary: bool


@dataclass(frozen=True)
class NamedKey:
    """A key of another row that the rows of a dataset name."""

    reference: Reference
    positions: tuple[int, ...]  # of the fields of this dataset, in the order of the names of the other one's
    table: KeyTable


class DatasetChecker:
    """Checks files of one dataset, one after the other, in order; the files that they refer to before them."""

    def __init__(self, dataset: Dataset, store: KeyStore, first_table: int, sources: Sequence[str]) -> None:
        """`sources` are the names of all sources, by the numbers that `check` gets."""
        self.dataset = dataset
        self._sources = sources
        self._chunks: dict[int, Sequence[ChunkPlan]] = {}  # of each source that was checked
        self._checker = RowChecker([column(field) for field in dataset.fields])
        self._types = [field.type for field in dataset.fields]
        self._names = [field.name for field in dataset.fields]
        keys = [dataset.primary_key, *unique_keys(dataset)] if dataset.primary_key else unique_keys(dataset)
        self.held = [
            OwnKey(
                fields,
                tuple(map(self._names.index, sorted(fields))),
                KeyTable(store, first_table + number, is_shared=dataset.shared_keys and fields == dataset.primary_key),
                is_primary=fields == dataset.primary_key,
            )
            for number, fields in enumerate(keys)
        ]
        others = [field.name for field in dataset.fields if field.name not in dataset.primary_key]
        self._contradiction = contradiction(others)
        self._in_keys = sorted({position for key in self.held for position in key.positions})
        self._references: list[NamedKey] = []
        self._store = store
        self._own: list[NamedKey] = []  # references to the same dataset, while its keys are collected
        self._own_names: OwnNames | None = None

    def refer(self, reference: Reference, target: "DatasetChecker") -> None:
        """Has a reference checked from now on, against the keys of the files of another dataset."""
        self._references.append(self._named_key(reference, target))

    def collect_keys(self, references: Sequence[Reference], number: int) -> None:
        """Until `refer_to_own`, notes which keys the rows hold, and which they name by references to the same dataset.

        `number` is one that no other dataset has.
        """
        self._own = [self._named_key(reference, self) for reference in references]
        self._own_names = OwnNames(self._store, number, [named.table for named in self._own])

    def refer_to_own(self) -> None:
        """Has references to rows of the same dataset checked from now on: all keys are noted."""
        if self._own_names:
            self._own_names.leave_orphans_out([key.table for key in self.held])
        self._references += self._own
        self._own, self._own_names = [], None

    def _named_key(self, reference: Reference, target: "DatasetChecker") -> NamedKey:
        [held] = [key for key in target.held if set(key.fields) == set(reference.keys)][:1]
        by_key = dict(zip(reference.keys, reference.fields, strict=True))
        positions = tuple(self._names.index(by_key[key]) for key in sorted(by_key))
        self._in_keys = sorted({*self._in_keys, *positions})
        return NamedKey(reference, positions, held.table)

    def check(self, source: int, file: FileRows) -> Iterator[list[Rejected]]:
        """The rows that a load would reject, of each chunk in the order of its rows."""
        self._chunks[source] = file.plan.chunks
        for rows in file:
            yield self._check_chunk(source, rows)

    def _check_chunk(self, source: int, rows: SourceRows) -> list[Rejected]:
        rejected: list[Rejected] = []
        doubtful: list[SourceRow] = []
        good = _GoodRows(self.held, self._own, self.dataset.shared_keys)
        for block, texts in rows.blocks():
            doubtful += self._check_block(block, texts, good) if texts else block
        for row in doubtful:
            fields, faults = self._checker.checked(row)
            if fields:
                columns = self._comparable([[field] for field in fields])
                faults += self._unknown_references(columns, row)
                if not faults:
                    good.add(columns, [row.row_number])
            if faults:
                rejected.append(Rejected(row, tuple(faults)))
        refused = self._refused_keys(source, good)
        if self._own_names:
            for position in range(len(self._own)):
                self._own_names.enter(position, source, good.named(position, refused))
        rejected += rejected_rows(rows, refused)
        return sorted(rejected, key=lambda bad: bad.row.row_number)

    def _check_block(self, block: SourceRows, texts: Sequence[Sequence[str]], good: "_GoodRows") -> list[SourceRow]:
        """Column by column. Returns the rows still in doubt."""
        columns = self._comparable(self._checker.converted(texts))
        in_doubt = set()
        if any(None in each for each in columns):
            in_doubt = {number for number, row in enumerate(zip(*columns, strict=True)) if None in row}
        for named in self._references:
            keys = _key_texts(columns, named.positions)
            unknown = named.table.unknown(key for key in set(keys) if key is not None and key != NULL)
            if unknown:
                in_doubt |= {number for number, key in enumerate(keys) if key in unknown}
        numbers = range(block.first_row, block.first_row + len(texts[0]))
        if not in_doubt:
            good.add(columns, numbers)
            return []
        is_good = [number not in in_doubt for number in range(len(texts[0]))]
        good.add([list(compress(each, is_good)) for each in columns], list(compress(numbers, is_good)))
        return [block.row(number) for number in sorted(in_doubt)]

    def _comparable(self, columns: Sequence[Texts]) -> list[Texts]:
        found = list(columns)
        for position in self._in_keys:
            found[position] = comparable(self._types[position], found[position])
        return found

    def _unknown_references(self, columns: Sequence[Texts], row: SourceRow) -> list[Fault]:
        """The references of a row that lead to no row; of fields that are bad nothing can be said."""
        faults = []
        for named in self._references:
            [key] = _key_texts(columns, named.positions)
            if key is not None and key != NULL and named.table.unknown([key]):
                positions = [self._names.index(name) for name in named.reference.fields]
                faults.append(unknown_key(named.reference, positions, row))
        return faults

    def _refused_keys(self, source: int, good: "_GoodRows") -> dict[int, BrokenKey]:
        """The rows whose keys other rows hold, by row number; a row that is refused holds no key."""
        refused = self._refused_row_by_row(source, good) if len(self.held) > 1 else {}
        for key in self.held:
            held = good.held(key, refused)
            for number, holder in key.table.enter(source, held, good.contents).items():
                if fault := self._fault(key, source, holder, good.contents.get(number)):
                    refused[number] = fault
        return refused

    def _refused_row_by_row(self, source: int, good: "_GoodRows") -> dict[int, BrokenKey]:
        """Decides row by row where another row holds a key of a row, which then holds none of its other keys."""
        doubtful: dict[int, dict[int, str]] = {}  # by row number: keys, by their positions among those of the dataset
        for position, key in enumerate(self.held):
            held = good.held(key, ())
            times = Counter(text for text, _ in held)
            known = key.table.holders(source, list(times))
            for text, number in held:
                if times[text] > 1 or (text in known and known[text].is_before(source, number)):
                    doubtful.setdefault(number, {})[position] = text
        refused: dict[int, BrokenKey] = {}
        for number in sorted(doubtful):
            for position, text in sorted(doubtful[number].items()):
                key = self.held[position]
                holder = key.table.holders(source, [text]).get(text)
                # Itself or a later row may hold the key since the keys were collected.
                if not holder or not holder.is_before(source, number):
                    continue
                if fault := self._fault(key, source, holder, good.contents.get(number)):
                    refused[number] = fault
                    break
            else:
                for position, text in doubtful[number].items():
                    self.held[position].table.enter(source, [(text, number)], good.contents)
        return refused

    def _fault(self, key: OwnKey, source: int, holder: Holder, content: bytes | None) -> BrokenKey | None:
        """None where a row repeats a shared key with the same values."""
        named = KeyFields(key.fields, tuple(map(self._names.index, key.fields)))
        if key.is_primary and self.dataset.shared_keys:
            return None if holder.content == content else (named, self._contradiction)
        if not key.is_primary:
            other = None if holder.source == source else self._sources[holder.source]
            return named, *repeats_unique(other, place(self._chunks[holder.source], holder.row_number))
        rule = EARLIER_ROW if holder.source == source else another_source(self._sources[holder.source])
        return named, rule


class _GoodRows:
    """The keys of the rows of a chunk that are good so far."""

    def __init__(self, keys: Sequence[OwnKey], own: Sequence[NamedKey], has_contents: bool) -> None:
        """`own` are references to the same dataset, of which it is wanted what they name."""
        self._keys = keys
        self._own = own
        self._named: list[list[str]] = [[] for _ in own]
        self._has_contents = has_contents
        self._texts: dict[tuple[str, ...], list[str]] = {key.fields: [] for key in keys}
        self._numbers: list[int] = []
        self.contents: dict[int, bytes] = {}  # by row number

    def add(self, columns: Sequence[Texts], numbers: Sequence[int]) -> None:
        if not self._keys:
            return
        self._numbers += numbers
        for key in self._keys:
            self._texts[key.fields] += _key_texts(columns, key.positions)  # type: ignore[arg-type]
        for texts, named in zip(self._named, self._own, strict=True):
            texts += _key_texts(columns, named.positions)  # type: ignore[arg-type]
        if self._has_contents:
            for number, row in zip(numbers, zip(*columns, strict=True), strict=True):
                self.contents[number] = hashlib.sha256("\t".join(map(str, row)).encode()).digest()

    def held(self, key: OwnKey, refused: Container[int]) -> list[HeldKey]:
        """In the order of the rows, without those that are refused, and without NULL."""
        return self._in_order(self._texts[key.fields], refused)

    def named(self, position: int, refused: Container[int]) -> list[HeldKey]:
        """As `held`, what the rows name by a reference to the same dataset."""
        return self._in_order(self._named[position], refused)

    def _in_order(self, texts: list[str], refused: Container[int]) -> list[HeldKey]:
        pairs: Iterable[HeldKey] = zip(texts, self._numbers, strict=True)
        if refused or NULL in texts:
            pairs = ((text, number) for text, number in pairs if text != NULL and number not in refused)
        return sorted(pairs, key=itemgetter(1))


def _key_texts(columns: Sequence[Texts], positions: Sequence[int]) -> Texts:
    """The key of each row as one text; a tab stands in no field that COPY takes."""
    if len(positions) == 1:
        return columns[positions[0]]
    return [key if key is None or isinstance(key, str) else "\t".join(key) for key in keys_in(columns, positions)]
