"""Any descriptions, files, versions of both and deliveries, against a model that shares no code with the pipeline."""

import contextlib
import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given
from hypothesis import strategies as st

from pipeline.columns.column import column
from pipeline.descriptions.package import find_package, read_package
from pipeline.errors import InUseError, OutOfOrderError, SettingsError, UnknownChunkError
from pipeline.forgetting import forget
from pipeline.tables.plan import Wanted
from pipeline.tables.registry import make_tables
from producer.dry_run import preview
from producer.sources import find_sources
from tests.conftest import ANY_VERSION, Pipeline
from tests.support import at_once, examples
from worker.load import ChunkLoader

SCHEMA = "model"  # of the tables that an example makes
ROUNDS = 8  # of producing and loading until nothing is left to do, at most
BAD = object()
VALUES: dict[str, dict[str, Any]] = {  # text in the file -> value in the table
    "string": {"a": "a", " b ": "b", "Zoe\u0308": "Zoë", "xxxxxx": "xxxxxx", 'c"\\\n\t,': 'c"\\\n\t,'},
    "integer": {"1": 1, " 2": 2, "-3": -3, "1.5": BAD, "7": 7},
    "number": {"1.5": Decimal("1.5"), "1.50": Decimal("1.5"), "-2": Decimal(-2), "x": BAD},
    "date": {"2001-02-03": date(2001, 2, 3), "1999-12-31": date(1999, 12, 31), "2001-02-30": BAD},
    "boolean": {"true": True, "0": False, "yes": BAD},
}
KEYS: dict[str, dict[str, Any]] = {  # some of them several spellings of one value
    "integer": {"1": 1, "2": 2, " 3": 3, "01": 1, "one": BAD},
    "string": {"a": "a", " b": "b", "Zoe\u0308": "Zoë"},
    "number": {"1": Decimal(1), "1.0": Decimal(1), "2.50": Decimal("2.5"), "2.5": Decimal("2.5"), "x": BAD},
    "boolean": {"true": True, "1": True, "0": False, "yes": BAD},
}
RULES: dict[str, list[tuple[dict[str, object], Any]]] = {  # constraint, and who keeps it
    "string": [({"maxLength": 5}, lambda value: len(value) <= 5), ({"enum": ["a", "b"]}, lambda value: value in "ab")],
    "integer": [({"minimum": 0}, lambda value: value >= 0), ({"maximum": 1}, lambda value: value <= 1)],
    "number": [({"minimum": 0}, lambda value: value >= 0)],
    "date": [({"minimum": "2000-01-01"}, lambda value: value >= date(2000, 1, 1))],
    "boolean": [],
}
Row = tuple[int, ...]  # which text each field has; the last number makes some rows too long or too short
Values = tuple[Any, ...]
Held = tuple[Values, str | None, int | None]  # values, source and row number of a row in a table
WIDTH = 10  # numbers of a row


# Descriptions -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Field:
    name: str
    type: str
    texts: str  # "value", or "key" of what can be a key
    required: bool = False
    rule: int = 0  # of RULES, from 1; 0: none
    unique: bool = False

    def described(self) -> dict[str, object]:
        rule = RULES[self.type][self.rule - 1][0] if self.rule else {}
        unique = {"unique": True} if self.unique else {}
        constraints = {**rule, **unique, **({"required": True} if self.required else {})}
        return {"name": self.name, "type": self.type, **({"constraints": constraints} if constraints else {})}

    def text(self, number: int) -> str:
        texts = [*(KEYS if self.texts == "key" else VALUES)[self.type], ""]
        return texts[number % len(texts)]

    def value(self, text: str, is_key: bool) -> Any:
        """What the table holds for a text, or BAD."""
        if text == "":
            return BAD if self.required or is_key else None
        value = (KEYS if self.texts == "key" else VALUES)[self.type][text]
        keeps_rule = value is BAD or not self.rule or RULES[self.type][self.rule - 1][1](value)
        return value if keeps_rule else BAD


@dataclass(frozen=True)
class Dataset:
    name: str
    fields: tuple[Field, ...]
    key: tuple[str, ...] = ()
    shared: bool = False
    # Fields, and the dataset and the fields of it that they name.
    references: tuple[tuple[tuple[str, ...], str, tuple[str, ...]], ...] = ()
    unique_keys: tuple[tuple[str, ...], ...] = ()

    def described(self) -> dict[str, object]:
        schema: dict[str, object] = {"fieldsMatch": "superset", "fields": [each.described() for each in self.fields]}
        if self.key:
            schema["primaryKey"] = list(self.key)
        if self.unique_keys:
            schema["uniqueKeys"] = [list(key) for key in self.unique_keys]
        if self.references:
            schema["foreignKeys"] = [
                {"fields": list(fields), "reference": {"resource": name, "fields": list(keys)}}
                for fields, name, keys in self.references
            ]
        shared = {"pipeline:sharedKeys": True} if self.shared else {}
        return {"name": self.name, "path": f"{self.name}-*.csv", **shared, "schema": schema}

    def positions(self, names: tuple[str, ...]) -> list[int]:
        return [[each.name for each in self.fields].index(name) for name in names]

    def key_of(self, values: Values) -> Values:
        return tuple(values[position] for position in self.positions(self.key))

    @property
    def further_keys(self) -> list[tuple[str, ...]]:
        """Those that a row holds besides its primary key."""
        keys = [*((each.name,) for each in self.fields if each.unique), *self.unique_keys]
        return [key for key in keys if set(key) != set(self.key)]

    @property
    def all_keys(self) -> list[tuple[str, ...]]:
        return [*([self.key] if self.key else []), *self.further_keys]

    def field(self, name: str) -> Field:
        return next(each for each in self.fields if each.name == name)

    @property
    def own_references(self) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
        return [(fields, keys) for fields, target, keys in self.references if target == self.name]

    def is_orphan(self, values: Values, rows: list[Values]) -> bool:
        """Whether a row names a row of its own dataset that is none of these."""
        for fields, keys in self.own_references:
            named = [values[each] for each in self.positions(fields)]
            if None not in named and named not in [[row[each] for each in self.positions(keys)] for row in rows]:
                return True
        return False

    def clash(self, one: Values, other: Values) -> bool:
        """Whether no two rows may hold these values."""
        for key in self.all_keys:
            positions = self.positions(key)
            if None not in (held := [one[each] for each in positions]) and held == [other[each] for each in positions]:
                return True
        return False


@st.composite
def packages(draw: st.DrawFn) -> tuple[Dataset, ...]:
    datasets: list[Dataset] = []
    for number in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["keyed", "positional", "keyed", "shared"]))
        key_types = draw(st.lists(st.sampled_from(sorted(KEYS)), min_size=1, max_size=2))
        own = [Field(f"k{n}", type_name, "key") for n, type_name in enumerate(key_types)]
        fields, key = (own, [each.name for each in own]) if kind != "positional" else ([], [])
        references: list[tuple[tuple[str, ...], str, tuple[str, ...]]] = []
        targets: list[tuple[Dataset, tuple[str, ...]]] = [(each, names) for each in datasets for names in each.all_keys]
        if targets and draw(st.integers(0, 3)) > 0:
            target, names = draw(st.sampled_from(targets))
            required, keys = draw(st.booleans()), [target.field(name) for name in names]
            naming = [Field(f"r{n}", each.type, each.texts, required) for n, each in enumerate(keys)]
            references.append((tuple(each.name for each in naming), target.name, names))
            is_key = bool(key) and draw(st.integers(0, 3)) == 3  # the key is the reference, with or without its own
            if is_key and draw(st.booleans()):
                fields, key = [], []
            fields, key = [*fields, *naming], [*key, *(each.name for each in naming if is_key)]
            if draw(st.booleans()):
                target, names = draw(st.sampled_from(targets))
                keys = [target.field(name) for name in names]
                naming = [Field(f"s{n}", each.type, each.texts) for n, each in enumerate(keys)]
                references.append((tuple(each.name for each in naming), target.name, names))
                fields = [*fields, *naming]
        plain = draw(st.integers(0 if fields else 1, 2))
        for n in range(plain):
            type_name = draw(st.sampled_from(sorted(VALUES, reverse=True)))
            rule = draw(st.integers(0, len(RULES[type_name])))
            fields = [*fields, Field(f"f{n}", type_name, "value", draw(st.booleans()), rule)]
        unique_keys: list[tuple[str, ...]] = []
        if kind != "shared" and draw(st.booleans()):
            chosen = draw(st.integers(0, len(fields) - 1))
            if draw(st.integers(0, 2)):
                fields[chosen] = replace(fields[chosen], unique=True)
            if draw(st.integers(0, 2)) == 0:
                other = draw(st.integers(0, len(fields) - 1))
                unique_keys.append(tuple(dict.fromkeys((fields[chosen].name, fields[other].name))))
        dataset = Dataset(f"d{number}", tuple(fields), tuple(key), kind == "shared", tuple(references))
        dataset = replace(dataset, unique_keys=tuple(unique_keys))
        if kind != "shared" and dataset.all_keys and draw(st.integers(0, 2)) == 0:
            named = draw(st.sampled_from(dataset.all_keys))
            naming = [Field(f"o{n}", (each := dataset.field(name)).type, each.texts) for n, name in enumerate(named)]
            itself = (tuple(each.name for each in naming), dataset.name, named)
            if len(fields) + len(naming) < WIDTH:
                dataset = replace(dataset, fields=(*dataset.fields, *naming), references=(*dataset.references, itself))
        datasets.append(dataset)
    return tuple(datasets)


def evolved(dataset: Dataset, change: str, number: int) -> Dataset:
    """With a new nullable field, another constraint, or a field that is required no more, or now."""
    if change == "field":
        if len(dataset.fields) == WIDTH - 1:
            return dataset
        return replace(dataset, fields=(*dataset.fields, Field(f"n{len(dataset.fields)}", "string", "value")))
    plain = [position for position, each in enumerate(dataset.fields) if each.texts == "value"]
    if not plain:
        return dataset
    position = plain[number % len(plain)]
    before = dataset.fields[position]
    rules = len(RULES[before.type]) + 1
    after = (
        replace(before, required=not before.required)
        if change == "required"
        else replace(before, rule=(before.rule + 1) % rules)
    )
    return replace(dataset, fields=(*dataset.fields[:position], after, *dataset.fields[position + 1 :]))


# Files --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class File:
    """A version of a source: the fields of its header, and its rows."""

    fields: tuple[Field, ...] = ()
    rows: tuple[Row, ...] = ()

    def texts(self) -> list[list[str]]:
        """The fields of each row; some rows have one more or one fewer than the header."""
        rows = []
        for row in self.rows:
            texts = [each.text(row[position]) for position, each in enumerate(self.fields)]
            if row[-1] == 11:
                texts = [*texts, "more"]
            elif row[-1] == 10 and len(texts) > 1:
                texts = texts[:-1]
            if len(texts) != len(self.fields):  # a row of another width ends with its line
                texts = [text.replace("\n", "") for text in texts]
            rows.append(texts)
        return rows

    def as_csv(self) -> str:
        rows = [[each.name for each in self.fields], *self.texts()]
        return "".join(",".join('"' + text.replace('"', '""') + '"' for text in row) + "\n" for row in rows)

    def values(self, dataset: Dataset) -> list[Values | None]:
        """What the table should hold of each row; None: the row breaks a rule of its fields."""
        names = [each.name for each in self.fields]
        rows: list[Values | None] = []
        for texts in self.texts():
            if len(texts) != len(names):
                rows.append(None)
                continue
            held = dict(zip(names, texts, strict=True))
            values = tuple(each.value(held.get(each.name, ""), each.name in dataset.key) for each in dataset.fields)
            rows.append(None if BAD in values else values)
        return rows


NUMBERS = st.sampled_from([0, 1, 2, 0, 1, 2, 0, 1, 2, 3, 4, 5, 10, 11])  # good texts come first
ROWS = st.lists(st.tuples(*[NUMBERS] * WIDTH), max_size=8)
FILES = st.tuples(
    st.integers(0, 2),  # dataset
    st.integers(1, 3),  # number of the file
    ROWS,
    st.sampled_from([8, 2, 0]),  # rows of the version before that are kept, if it has so many
    st.integers(0, 8),  # of these, how many stay above the new rows
)
CHANGES = st.tuples(st.integers(0, 2), st.sampled_from(["field", "rule", "rule", "required"]), st.integers(0, 3))
STEPS = st.lists(
    st.tuples(
        st.lists(FILES, min_size=1, max_size=4),
        st.one_of(st.none(), CHANGES),  # of a description
        st.sampled_from([0, 0, 0, 1, 2]),  # which source is forgotten before, from 1; 0: none
        st.integers(1, 5),  # rows of a chunk
        st.integers(0, 2**16),  # decides order, repetition and loss of deliveries
    ),
    min_size=1,
    max_size=4,
)


# The model: what the tables should hold ------------------------------------------------------------


@dataclass
class Model:
    """What the tables should hold, given what history alone decides, which is read from them and checked.

    That is: which of several sources that list a key has it, and which keys stay that no file lists.
    """

    datasets: tuple[Dataset, ...]
    files: dict[str, File]
    earlier_keys: dict[str, set[Values]]  # by source: keys that any version of it listed
    tables: dict[str, list[Held]]  # observed
    load_order: list[str]  # the sources, by their current loads
    only_one_version: bool
    rejected: set[tuple[str, int]] = field(default_factory=set)
    known: dict[tuple[str, tuple[str, ...]], set[Values]] = field(
        default_factory=dict
    )  # by dataset and fields of a key
    kept: list[tuple[Dataset, Values]] = field(default_factory=list)  # rows that no file lists

    def check(self) -> None:
        for dataset in self.datasets:
            self._check(dataset)

    def _check(self, dataset: Dataset) -> None:
        good = {source: self._good_rows(dataset, source) for source in self._sources(dataset)}
        expected: list[Held]
        if dataset.further_keys or dataset.own_references:
            expected = self._settled(dataset, good)
        elif not dataset.key:
            expected = [(values, source, row) for source in good for row, values in good[source].items()]
        elif dataset.shared:
            expected = self._shared(dataset, good)
        else:
            expected = self._keyed(dataset, good)
        assert Counter(self.tables[dataset.name]) == Counter(expected), dataset.name
        for key in dataset.all_keys:
            positions = dataset.positions(key)
            self.known[dataset.name, key] = {tuple(values[each] for each in positions) for values, _, _ in expected}

    def _sources(self, dataset: Dataset) -> list[str]:
        return sorted(source for source in self.files if source.startswith(f"{dataset.name}-"))

    def _good_rows(self, dataset: Dataset, source: str) -> dict[int, Values]:
        good = {}
        for number, values in enumerate(self.files[source].values(dataset), 1):
            if values is not None and all(
                None in (named := tuple(values[position] for position in dataset.positions(fields)))
                or named in self.known[target, keys]
                for fields, target, keys in dataset.references
                if target != dataset.name
            ):
                good[number] = values
            else:
                self.rejected.add((source, number))
        return good

    def _keyed(self, dataset: Dataset, good: dict[str, dict[int, Values]]) -> list[Held]:
        listed: dict[Values, dict[str, int]] = {}  # key -> source -> its earliest row
        for source, rows in good.items():
            for number, values in rows.items():
                listed.setdefault(dataset.key_of(values), {}).setdefault(source, number)
        held = {dataset.key_of(row[0]): row for row in self.tables[dataset.name]}
        expected: list[Held] = []
        for key in listed.keys() | held.keys():
            lists, (values, holder, place) = listed.get(key, {}), held.get(key, ((), None, None))
            if holder in lists and not self.only_one_version:
                pass
            elif holder and not lists.get(holder) and key in self.earlier_keys[holder]:
                self.kept.append((dataset, values))
                expected.append((values, holder, place))
            elif lists:
                holder = min(lists)
            if holder and holder in lists:
                expected.append((good[holder][lists[holder]], holder, lists[holder]))
            for source, rows in good.items():
                self.rejected |= {
                    (source, number)
                    for number, values in rows.items()
                    if dataset.key_of(values) == key and (source, number) != (holder, lists.get(holder or ""))
                }
        return expected

    def _settled(self, dataset: Dataset, good: dict[str, dict[int, Values]]) -> list[Held]:
        """Each row that clashes with none before it, unless the row that it names is not there.

        Of several files the table decides.
        """
        listed: list[Held] = [
            (values, source, number)
            for source in sorted(good, key=self.load_order.index)
            for number, values in good[source].items()
        ]
        table = self.tables[dataset.name]
        kept = [row for row in table if row not in listed]
        self.kept += [(dataset, values) for values, _, _ in kept]
        if self.only_one_version or len(good) == 1:
            expected = list(kept)
            for row in listed:
                if not any(dataset.clash(row[0], other[0]) for other in expected):
                    expected.append(row)
            while orphans := [row for row in expected if dataset.is_orphan(row[0], [each[0] for each in expected])]:
                expected = [row for row in expected if row not in orphans]
        else:
            expected = table
            values_there = [row[0] for row in table]
            orphans = [row for row in listed if dataset.is_orphan(row[0], values_there)]
            for row in listed:
                if row not in table and row not in orphans:
                    _, source, number = row
                    assert any(
                        dataset.clash(row[0], other[0])
                        for other in (*table, *orphans)
                        if other[1] != source or other in kept or (other[2] or 0) < (number or 0)
                    ), f"{row} is rejected for no row"
        self.rejected |= {(row[1] or "", row[2] or 0) for row in listed if row not in expected}
        return expected

    def _shared(self, dataset: Dataset, good: dict[str, dict[int, Values]]) -> list[Held]:
        decided: dict[Values, Values] = {}
        for source in sorted(good, key=self.load_order.index):
            first: dict[Values, Values] = {}
            for number, values in good[source].items():
                if first.setdefault(dataset.key_of(values), values) != values:
                    self.rejected.add((source, number))
            decided |= first
        earlier = set().union(*(self.earlier_keys[source] for source in good))
        for values, _, _ in self.tables[dataset.name]:
            if (key := dataset.key_of(values)) in earlier:
                decided.setdefault(key, values)
        return [(values, None, None) for values in decided.values()]


# The pipeline, with deliveries as they come -------------------------------------------------------


class Example:
    """One package, its files and their versions, on an empty database."""

    def __init__(self, pipeline: Pipeline, datasets: tuple[Dataset, ...]) -> None:
        self._pipeline = pipeline
        self._loaders = [ChunkLoader(pipeline.database), pipeline.loader]
        self.datasets = list(datasets)
        self.files: dict[str, File] = {}
        self._earlier: list[tuple[int, int, str]] = []  # chunks that were delivered
        self._earlier_keys: dict[str, set[Values]] = {}

    def describe(self, dataset: int, change: str, number: int) -> None:
        """Changes a description, unless rows stand against it."""
        before = self.datasets[dataset]
        self.datasets[dataset] = evolved(before, change, number)
        try:
            self.make_tables()
        except SettingsError:
            self.datasets[dataset] = before
            self.make_tables()

    def make_tables(self) -> None:
        package = {"resources": [each.described() for each in self.datasets]}
        (self._pipeline.data / "datapackage.json").write_text(json.dumps(package))
        read = read_package(find_package(self._pipeline.data)).datasets
        make_tables(self._pipeline.database, Wanted(read, column, table_schema=SCHEMA))

    def write(self, number: int, of_dataset: int, new_rows: list[Row], kept: int, position: int) -> None:
        dataset = self.datasets[number % len(self.datasets)]
        source = f"{dataset.name}-{of_dataset}.csv"
        rows = list(self.files.get(source, File()).rows[:kept])
        rows[position:position] = new_rows
        self.files[source] = File(dataset.fields, tuple(rows))
        (self._pipeline.data / source).write_text(self.files[source].as_csv(), encoding="utf-8", newline="")

    def forget(self, number: int) -> None:
        """Forgets one of the sources that were loaded, unless rows of others refer to its rows."""
        if not 0 < number <= len(self._earlier_keys):
            return
        source = sorted(self._earlier_keys)[-number]
        with contextlib.suppress(InUseError):
            forget(self._pipeline.database, self._pipeline.queue, [source])
            del self.files[source], self._earlier_keys[source]
            (self._pipeline.data / source).unlink()

    def deliver_some(self, rng: random.Random) -> None:
        """Some chunks twice, some never, some long after their time, in any order."""
        chunks = [chunk for chunk in self._queued() for _ in range(rng.choice((0, 1, 1, 1, 2)))]
        rng.shuffle(chunks)
        late = rng.sample(self._earlier, min(len(self._earlier), 3))  # perhaps of superseded loads
        self._earlier += chunks
        for chunk in (*late, *chunks):
            with contextlib.suppress(OutOfOrderError, UnknownChunkError):  # forgotten since, the latter
                rng.choice(self._loaders).load_chunk(*chunk)
        if rng.random() < 0.5:
            self._pipeline.queue.connection.flushdb()

    def deliver_all(self, rng: random.Random | None = None) -> None:
        """Every chunk that is on the queue once, in any order; without `rng` in that of the sources."""
        waiting = self._queued()
        self._pipeline.queue.connection.flushdb()
        waiting.sort()
        if rng:
            rng.shuffle(waiting)
        assert self._deliver(waiting) == [], "chunks wait for each other"

    def deliver_most(self, seed: int, order: random.Random) -> None:
        """Every chunk that is on the queue once, but for those that are lost or wait for a lost one.

        None that was reopened is lost: whether a chunk is, though no row of it can be good now, depends on the order.
        """
        of_chunk = {
            (load, number): (f"{seed} {source} {number}", reopened)
            for load, number, source, reopened in self._pipeline.rows(
                "SELECT load_id, number, name, reopened FROM load_chunks"
                " JOIN loads ON loads.id = load_id JOIN sources ON sources.id = source_id"
            )
        }

        def arrives(load: int, number: int) -> bool:
            name, reopened = of_chunk[load, number]
            return reopened or random.Random(name).random() < 0.8

        waiting = [chunk for chunk in sorted(self._queued()) if arrives(*chunk[:2])]
        self._pipeline.queue.connection.flushdb()
        order.shuffle(waiting)
        self._deliver(waiting)

    def _deliver(self, waiting: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
        """Returns the chunks that wait for others in the end."""
        left = waiting
        while left:
            before, left = left, []
            for chunk in before:
                try:
                    self._pipeline.loader.load_chunk(*chunk)
                except OutOfOrderError:
                    left.append(chunk)
            if len(left) == len(before):
                break
        return left

    def deliver_at_once(self, rng: random.Random) -> None:
        """Every chunk, and some of them twice, to four workers."""
        waiting = self._queued()
        waiting += rng.sample(waiting, len(waiting) // 3)
        rng.shuffle(waiting)
        self._pipeline.queue.connection.flushdb()
        loaders = [ChunkLoader(self._pipeline.services.session()) for _ in range(4)]

        def work() -> None:
            loader = loaders.pop()
            with contextlib.suppress(IndexError):
                while True:
                    chunk = waiting.pop(0)
                    try:
                        loader.load_chunk(*chunk)
                    except OutOfOrderError:
                        waiting.append(chunk)

        at_once(work, 4)

    def settle(self, rng: random.Random) -> None:
        """Produces and loads until there is nothing left to do."""
        self._pipeline.queue.connection.flushdb()
        for _ in range(ROUNDS):
            if not any(each.queued_chunks for each in self._pipeline.produce()):
                return
            self.deliver_all(rng)
        pytest.fail("the producer queues chunks again and again")

    def dataset_of(self, source: str) -> Dataset:
        return next(each for each in self.datasets if source.startswith(f"{each.name}-"))

    def remember(self) -> None:
        """The keys of the versions that are there now, for what may stay of them."""
        for source, file in self.files.items():
            dataset = self.dataset_of(source)
            keys = {dataset.key_of(values) for values in file.values(dataset) if values is not None}
            self._earlier_keys.setdefault(source, set()).update(keys)

    def check(self, *, only_one_version: bool) -> None:
        order = "SELECT name FROM sources JOIN current_loads ON source_id = sources.id ORDER BY current_loads.id"
        tables = {each.name: self._table(each) for each in self.datasets}
        load_order = [name for (name,) in self._pipeline.rows(order)]
        model = Model(tuple(self.datasets), self.files, self._earlier_keys, tables, load_order, only_one_version)
        model.check()
        assert {(row[0], row[1]) for row in self._pipeline.rejected()} == model.rejected
        self._pipeline.check_reconciliation_of({source: len(file.rows) for source, file in self.files.items()})
        rejected = self._pipeline.rows("SELECT coalesce(sum(rejected), 0) FROM load_progress WHERE current")
        assert rejected == [(len(model.rejected),)]
        assert self._pipeline.rows("SELECT load_id, number FROM chunk_texts") == []
        named = {key for each in self.datasets for key in self._named(each)}
        for dataset, values in model.kept:
            held = {
                (dataset.name, key, tuple(values[each] for each in dataset.positions(key))) for key in dataset.all_keys
            }
            assert held & named, f"{values} is kept without a row that refers to it"

    def outcome(self) -> dict[str, object]:
        """What the tables hold, which rows are rejected, and what the counts are where a key belongs to one source.

        Other rows count as unchanged if their chunk is loaded again, for rejected rows that may be good by then.
        """
        keyed = {each.name for each in self.datasets if each.key and not each.shared}
        counts = self._pipeline.rows(
            "SELECT source, complete, inserted, updated, unchanged, rejected, deleted FROM load_progress WHERE current"
            " ORDER BY source"
        )
        return {
            **{each.name: Counter(self._table(each)) for each in self.datasets},
            "rejected": sorted((source, number) for source, number, *_ in self._pipeline.rejected()),
            "counts": [row for row in counts if self.dataset_of(row[0]).name in keyed],
        }

    def _table(self, dataset: Dataset) -> list[Held]:
        """Values, source and row number of each row; not the last two where several sources may list a row."""
        names = ", ".join(f'"{each.name}"' for each in dataset.fields)
        table = f'{SCHEMA}."{dataset.name}"'
        if dataset.shared:
            return [(values, None, None) for values in self._pipeline.rows(f"SELECT {names} FROM {table}")]
        rows = self._pipeline.rows(
            f"SELECT sources.name, row_number, {names} FROM {table} JOIN sources ON sources.id = source_id"
        )
        return [(tuple(values), source, number) for source, number, *values in rows]

    def _named(self, dataset: Dataset) -> Iterator[tuple[str, tuple[str, ...], Values]]:
        """Dataset, fields and values of the keys that this dataset's rows name."""
        for table in (dataset.name, *([f"{dataset.name}_listings"] if dataset.shared else [])):
            for fields, target, keys in dataset.references:
                for values in self._pipeline.rows(f'SELECT {", ".join(fields)} FROM {SCHEMA}."{table}"'):
                    yield target, keys, values

    def _queued(self) -> list[tuple[int, int, str]]:
        return self._pipeline.waiting_chunks()


def empty(pipeline: Pipeline) -> None:
    """For the next example: no tables, nothing loaded, nothing queued, nothing looked up."""
    with pipeline.database.transaction() as tx:
        tx.run(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        tx.run("DELETE FROM datasets WHERE table_schema = %(schema)s", schema=SCHEMA)
        tx.run("TRUNCATE people, rejected_rows, chunk_texts, load_chunks, loads, sources")
    pipeline.queue.connection.flushdb()
    pipeline.loader = ChunkLoader(pipeline.loader._database)
    for path in pipeline.data.iterdir():
        path.unlink()


OPTIONS: dict[str, Any] = {
    "print_blob": True,
    "phases": (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
}

KEY, NAMED = Field("k0", "integer", "key"), Field("r0", "integer", "key")
REFERRING = (
    Dataset("d0", (KEY,), ("k0",)),
    Dataset("d1", (KEY, NAMED), ("k0",), references=((("r0",), "d0", ("k0",)),)),
)
ONE, OTHER, ONE_OF_OTHER = (0,) * WIDTH, (1,) * WIDTH, (0, 1, *(0,) * (WIDTH - 2))  # rows of them
LATE_REFERENCE = [  # an earlier row has the key of a later one, once what it refers to is there
    ([(0, 1, [ONE], 8, 0), (1, 1, [ONE_OF_OTHER, ONE], 8, 0)], None, 0, 1, 3),
    ([(0, 1, [OTHER], 8, 1)], None, 0, 1, 3),
]


@examples(8, **OPTIONS)
@given(datasets=packages(), steps=STEPS)
@example(datasets=REFERRING, steps=LATE_REFERENCE)
def test_the_tables_of_any_package_always_hold_what_the_model_says(
    pipeline: Pipeline, datasets: tuple[Dataset, ...], steps: list[Any]
) -> None:
    pipeline.limits = ANY_VERSION
    empty(pipeline)
    drawn = Example(pipeline, datasets)
    drawn.make_tables()
    for files, change, forgotten, chunk_rows, seed in steps:
        drawn.forget(forgotten)
        if change:
            drawn.describe(change[0] % len(datasets), *change[1:])
        for file in files:
            drawn.write(*file)
        drawn.remember()
        pipeline.produce(chunk_rows)
        drawn.deliver_some(random.Random(seed))
    drawn.settle(random.Random(1))
    drawn.check(only_one_version=len(steps) == 1)


@examples(4, **OPTIONS)
@given(datasets=packages(), steps=STEPS)
def test_a_preview_says_what_a_run_then_does(
    pipeline: Pipeline, datasets: tuple[Dataset, ...], steps: list[Any]
) -> None:
    pipeline.limits = ANY_VERSION
    empty(pipeline)
    drawn = Example(pipeline, datasets)
    drawn.make_tables()
    for files, change, forgotten, chunk_rows, seed in steps:
        drawn.forget(forgotten)
        if change:
            drawn.describe(change[0] % len(datasets), *change[1:])
        for file in files:
            drawn.write(*file)
        drawn.remember()
        sources = find_sources(pipeline.data, ())
        foreseen = preview(sources, pipeline.database, chunk_rows=chunk_rows, limits=pipeline.limits).forecasts
        before = current_loads(pipeline)
        pipeline.produce(chunk_rows)
        order = random.Random(seed) if seed % 2 else None
        drawn.deliver_all(order)
        after = current_loads(pipeline)
        for each in foreseen:
            counts = pipeline.counts(each.source)
            told = {name: getattr(each, name) for name in counts}
            first_inserts = order is not None and drawn.dataset_of(each.source).shared  # of files that list a new key
            if before.get(each.source) == after[each.source] or first_inserts:
                counts, told = {"rejected": counts["rejected"]}, {"rejected": told["rejected"]}
            assert told == counts, each.source
        drawn.settle(random.Random(1))


@examples(4, **OPTIONS)
@given(datasets=packages(), steps=STEPS)
def test_the_order_of_chunks_decides_nothing(
    pipeline: Pipeline, datasets: tuple[Dataset, ...], steps: list[Any]
) -> None:
    """Some chunks are lost, the same in both orders, and come in the next step or at the end."""
    pipeline.limits = ANY_VERSION
    outcomes = []
    for salt in ("one", "another"):
        empty(pipeline)
        drawn = Example(pipeline, datasets)
        drawn.make_tables()
        seen = []
        for files, change, forgotten, chunk_rows, seed in steps:
            drawn.forget(forgotten)
            if change:
                drawn.describe(change[0] % len(datasets), *change[1:])
            for file in files:
                drawn.write(*file)
            drawn.remember()
            pipeline.produce(chunk_rows)
            drawn.deliver_most(seed, random.Random(f"{seed} {salt}"))
            seen.append(drawn.outcome())
        drawn.settle(random.Random(salt))
        outcomes.append([*seen, drawn.outcome()])
    for step, (one, another) in enumerate(zip(*outcomes, strict=True)):
        assert one == another, step


def current_loads(pipeline: Pipeline) -> dict[str, int]:
    return dict(
        pipeline.rows("SELECT name, current_loads.id FROM sources JOIN current_loads ON source_id = sources.id")
    )


@pytest.mark.parametrize("seed", range(4))
def test_several_workers_at_once_leave_what_the_model_says(pipeline: Pipeline, seed: int) -> None:
    """Sources of datasets that refer to each other, some of their chunks twice; workers may wait for each other."""
    pipeline.limits = ANY_VERSION
    rng = random.Random(seed)
    key, name = Field("k0", "integer", "key"), Field("r0", "integer", "key")
    itself = ((("s0",), "d0", ("k0",)),) if seed > 1 else ()
    fields = (key, Field("f0", "string", "value", unique=seed > 1), Field("s0", "integer", "key"))
    first = Dataset("d0", fields, ("k0",), references=itself)
    second = Dataset("d1", (key, name), ("k0",), shared=bool(seed % 2), references=((("r0",), "d0", ("k0",)),))
    drawn = Example(pipeline, (first, second, Dataset("d2", (name,), references=((("r0",), "d1", ("k0",)),))))
    drawn.make_tables()
    for _ in range(2):
        for _ in range(4):
            rows = [tuple(rng.choices(range(5), [3, 3, 3, 1, 1], k=WIDTH)) for _ in range(8)]
            drawn.write(rng.randrange(3), rng.randint(1, 2), rows, rng.choice([0, 4, 8]), rng.randint(0, 8))
        drawn.remember()
        pipeline.produce(rng.randint(1, 5))
        drawn.deliver_at_once(rng)
    drawn.settle(rng)
    drawn.check(only_one_version=False)
