"""Checks files by their whole description without a database. Reasons are worded as in a load."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from inspection.dataset_check import DatasetChecker
from inspection.file_rows import opened
from inspection.key_table import KeyStore
from inspection.problems import Problems
from pipeline.datasets.outcome import Rejected
from pipeline.descriptions.description import Dataset, others_referred_to
from pipeline.descriptions.own_sql import read_package_of
from pipeline.errors import InputError, SettingsError
from pipeline.url import Location
from producer.files.content import OpenedFiles
from producer.files.encodings import Encodings
from producer.first_pass import differ
from producer.sources import Source, find_sources

Listener = Callable[[Location, Rejected], None]


@dataclass
class CheckedFile:
    """What a load would say of a file."""

    path: Location
    row_count: int = 0
    problems: Problems = field(default_factory=Problems)
    unchecked: tuple[str, ...] = ()  # references, such as: place_of_birth (no file of places is in the folder)
    fault: str | None = None  # why the file would be refused as a whole

    @property
    def is_good(self) -> bool:
        return self.fault is None and not self.problems.row_count


def check(
    folder: Path,
    paths: Sequence[Location],
    name: str | None = None,
    encodings: Encodings = Encodings(),  # noqa: B008 (frozen)
    on_bad_row: Listener | None = None,
) -> Iterator[CheckedFile]:
    """Checks files of a data folder, or all that it holds if none are named; what others refer to first.

    Other files of the folder are read for what these refer to, and told of only if they would be refused. `name` is
    what the one file is called. `on_bad_row` gets each bad row in order. Raises InputError if the folder's description
    is wrong, SettingsError if there is nothing to check.
    """
    package = read_package_of(folder)
    if name and len(paths) != 1:
        raise SettingsError(f"--name: '{name}' is the name of one file; check the others without it")
    sources: list[Source] = [] if paths else find_sources(folder, ())
    for path in paths:
        try:
            sources += find_sources(folder, (path,), name)
        except InputError as error:
            yield CheckedFile(path, fault=str(error))
    wanted = {source.path for source in sources}
    sources += _referred_to(sources, folder, package.datasets)
    sources.sort(key=lambda source: (package.datasets.index(source.dataset), source.name))
    with OpenedFiles() as contents, KeyStore.empty() as store:
        check = _Check(sources, contents, encodings, store)
        for number, source in enumerate(sources):
            listener = on_bad_row if source.path in wanted else None
            found = check.checked(number, listener)
            if source.path in wanted or found.fault:
                yield found


def _referred_to(sources: Sequence[Source], folder: Path, datasets: Sequence[Dataset]) -> list[Source]:
    """The other files of the folder that hold what these refer to, directly or through others."""
    by_name = {dataset.name: dataset for dataset in datasets}
    needed: set[str] = set()
    waiting = [
        name for source in sources for name in (*others_referred_to(source.dataset), *_self_referenced(source.dataset))
    ]
    while waiting:
        if (name := waiting.pop()) not in needed:
            needed.add(name)
            waiting += others_referred_to(by_name[name])
    if not needed or not folder.is_dir():
        return []
    known = {source.name for source in sources}
    try:
        found = find_sources(folder, ())
    except SettingsError:  # nothing is in the folder
        return []
    return [source for source in found if source.dataset.name in needed and source.name not in known]


def _self_referenced(dataset: Dataset) -> list[str]:
    return [dataset.name] if any(reference.dataset == dataset.name for reference in dataset.references) else []


class _Check:
    """The check of some sources, in load order."""

    def __init__(self, sources: Sequence[Source], contents: OpenedFiles, encodings: Encodings, store: KeyStore) -> None:
        self._sources = sources
        self._contents = contents
        self._encodings = encodings
        self._store = store
        self._checkers: dict[str, DatasetChecker] = {}
        self._unchecked: dict[str, tuple[str, ...]] = {}
        self._seen: dict[str, tuple[Source, str]] = {}  # by name: the first file, and its SHA-256

    def checked(self, number: int, listener: Listener | None) -> CheckedFile:
        """Checks the source of this number."""
        source = self._sources[number]
        checker = self._checker(source.dataset)
        found = CheckedFile(source.path, unchecked=self._unchecked[source.dataset.name])
        try:
            with opened(source, self._contents, self._encodings) as rows:
                found.row_count = rows.row_count
                first, sha256 = self._seen.setdefault(source.name, (source, rows.plan.sha256))
                if sha256 != rows.plan.sha256:
                    raise InputError(differ(first, source))
                for rejected in checker.check(number, rows):
                    found.problems.add(rejected)
                    if listener:
                        for bad in rejected:
                            listener(source.path, bad)
        except InputError as error:
            found.fault = str(error)
        return found

    def _checker(self, dataset: Dataset) -> DatasetChecker:
        """The one that checks all files of a dataset."""
        if dataset.name not in self._checkers:
            first_table = sum(len(checker.held) for checker in self._checkers.values())
            names = [source.name for source in self._sources]
            checker = self._checkers[dataset.name] = DatasetChecker(dataset, self._store, first_table, names)
            own = [reference for reference in dataset.references if reference.dataset == dataset.name]
            others = [reference for reference in dataset.references if reference not in own]
            for reference in others:
                if target := self._checkers.get(reference.dataset):
                    checker.refer(reference, target)
            self._unchecked[dataset.name] = tuple(
                f"{', '.join(reference.fields)} (no file of {reference.dataset} is in the folder)"
                for reference in others
                if reference.dataset not in self._checkers
            )
            if own:
                checker.collect_keys(own, number=first_table)
                self._collect_keys(checker)
                checker.refer_to_own()
        return self._checkers[dataset.name]

    def _collect_keys(self, checker: DatasetChecker) -> None:
        """Reads the files of a dataset that refers to itself: a row may refer to a later one."""
        for number, source in enumerate(self._sources):
            if source.dataset == checker.dataset:
                with suppress(InputError), opened(source, self._contents, self._encodings) as rows:
                    for _ in checker.check(number, rows):
                        pass
