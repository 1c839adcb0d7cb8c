"""Which files to load, what they are called, and which dataset each holds."""

import logging
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain, count
from pathlib import Path

from pipeline.descriptions.description import Dataset, Package
from pipeline.descriptions.matching import dataset_of, expected_names, holds, without_compression
from pipeline.descriptions.own_sql import read_package_of
from pipeline.descriptions.package import OWN_PACKAGE, find_package, read_package
from pipeline.errors import InputError, SettingsError
from pipeline.postgres.quoting import is_storable
from pipeline.url import Location, Url
from pipeline.wording import listed

STANDARD_INPUT = Path("-")
# Names, without the suffix of a compression, of what a user may expect to be loaded; and of what may be no data at all.
LIKE_CSV = re.compile(r"\.(csv|tsv|tab|psv)$", re.IGNORECASE)
ANY_TEXT = re.compile(r"\.txt$", re.IGNORECASE)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """A file and the name under which the ledger knows it."""

    name: str  # within the data folder and without .gz or the like, such as people.csv
    path: Location
    dataset: Dataset

    @property
    def local_path(self) -> str | None:
        """The absolute path, with links as they are.

        None if the file is not in a folder, as a pipe or a URL, or if the ledger cannot hold its path.
        """
        path = os.path.abspath(self.path) if isinstance(self.path, Path) and self.path.is_file() else None
        return path if path and is_storable(path) else None

    def __post_init__(self) -> None:
        """Raises InputError if the ledger cannot know the file under this name."""
        if not is_storable(self.name):
            raise InputError(f"{self.path}: the name '{self.name}' is not UTF-8; rename the file, or use --name")


def find_sources(folder: Path, files: tuple[Location, ...], name: str | None = None) -> list[Source]:
    """The sources among `files`, or all of `folder` if none are named; what others refer to first.

    The folder's datapackage.json, or else the project's own, says what the files are. `name` is what the one file is
    called, whatever its own name is. Raises SettingsError if the folder is missing or holds no source, InputError if
    the description is wrong, or a file is missing or matches no dataset.
    """
    if name is not None and len(files) != 1:
        raise SettingsError(f"--name: '{name}' is the name of one file; name that file")
    package = read_package_of(folder)
    paths = [path for file in files for path in _expanded(file)]
    sources = [_source(package, folder, path, name) for path in paths] if files else _sources_in(folder, package)
    return sorted(sources, key=lambda source: (package.datasets.index(source.dataset), source.name))


def left_over(folder: Path, report_names: Iterable[str] = ()) -> list[str]:
    """Files in the folder that look like CSV but hold no dataset, each with the name that it may be meant to have.

    No other file has that name, in any case, and no other hint. A .txt file or a ZIP archive counts if its name is like
    that of a dataset. `report_names` are files that the exporter wrote there.
    """
    package = read_package(find_package(folder))
    reports = set(report_names)
    names = [path.relative_to(folder).as_posix() for path in _files(folder, package)]
    taken = {without_compression(name).casefold() for name in names}
    unknown = (name for name in names if _may_be_csv(name) and name not in reports)
    hints = {name: _free_name(package, name, taken) for name in unknown if dataset_of(package, name) is None}
    return [
        f"{name} (call it {free})" if free else name
        for name, free in hints.items()
        if free or LIKE_CSV.search(without_compression(name))
    ]


def paths_without_file(folder: Path) -> list[str]:
    """The paths in the folder's own datapackage.json that should name a file of the folder, and name none.

    A dataset with a pattern, such as people-*.csv, needs one file of any of its paths.
    """
    if (path := find_package(folder)) == OWN_PACKAGE:
        return []
    package = read_package(path)
    names = {without_compression(path.relative_to(folder).as_posix()).lower() for path in _files(folder, package)}
    absent: list[str] = []
    for dataset in package.datasets:
        if not any("*" in path for path in dataset.paths):
            absent += (path for path in dataset.paths if path.lower() not in names)
        elif not any(holds(dataset, name) for name in names):
            absent += dataset.paths
    return absent


def warn_of_absent(paths: Sequence[str]) -> None:
    """Warns of paths that name no file."""
    if paths:
        logger.warning(
            "datapackage.json names files that are not in the folder: %s; add them, or correct the paths", listed(paths)
        )


def _sources_in(folder: Path, package: Package) -> list[Source]:
    if folder.is_file():
        raise SettingsError(f"DATA_DIR: '{folder}' is a file; name its folder with --data")
    if not folder.is_dir():
        raise SettingsError(f"DATA_DIR: no folder '{folder}'; create it or name another with --data")
    try:
        names = {path: without_compression(path.relative_to(folder).as_posix()) for path in _files(folder, package)}
    except OSError as error:
        raise SettingsError(
            f"DATA_DIR: cannot read '{error.filename}': {error.strerror}; correct its rights"
        ) from error
    sources = [Source(name, path, dataset) for path, name in names.items() if (dataset := dataset_of(package, name))]
    if not sources:
        unknown = left_over(folder)
        hint = f"; not loaded: {'; '.join(unknown[:3])}" if unknown else ""
        if unknown and find_package(folder) == OWN_PACKAGE:
            hint += f"; `pipeline describe --data {shlex.quote(str(folder))} FILE.csv` makes other CSV files loadable"
        raise SettingsError(f"DATA_DIR: folder '{folder}' holds none of {expected_names(package)}{hint}")
    _check_case(sources)
    return sources


def _check_case(sources: Iterable[Source]) -> None:
    """Raises InputError if two files are the one that a path of a description names, in any case."""
    found: dict[str, Source] = {}
    for source in sources:
        name = source.name.casefold()
        if any(name == path.casefold() for path in source.dataset.paths):
            other = found.setdefault(name, source)
            if other.name != source.name:
                raise InputError(
                    f"{other.path} and {source.path} have the same name but for the case of letters; remove or"
                    " rename one"
                )


def _files(folder: Path, package: Package) -> Iterator[Path]:
    """All files of the folder and the folders in it, by name, but for hidden ones.

    Raises OSError if the folder, or one in it that would hold sources, cannot be read.
    """

    def fail(error: OSError) -> None:
        inside = Path(error.filename).relative_to(folder)
        if inside == Path() or dataset_of(package, f"{inside.as_posix()}/file.csv"):
            raise error

    seen = set()
    for parent, folders, files in os.walk(folder, onerror=fail, followlinks=True):
        real = os.path.realpath(parent)
        folders[:] = [] if real in seen else sorted(name for name in folders if not name.startswith("."))
        files = [] if real in seen else files
        seen.add(real)  # a link may lead back
        yield from (Path(parent) / name for name in sorted(files) if not name.startswith("."))


def _expanded(path: Location) -> Sequence[Location]:
    """The files that a pattern names; else the one file."""
    if not isinstance(path, Url) or not path.is_pattern:
        return [path]
    from producer.files.store_file import matching  # read by few runs

    return matching(path)


def _source(package: Package, folder: Path, path: Location, name: str | None) -> Source:
    if isinstance(path, Url):
        return _remote_source(package, folder, path, name)
    if path != STANDARD_INPUT and not path.exists():
        raise InputError(f"{path}: no such file; name a CSV file that exists")
    if path.is_dir():
        raise InputError(f"{path}: a folder; name the CSV files in it")
    is_called_as_it_is = name is None and path != STANDARD_INPUT
    if name is None:
        inside = path.resolve().is_relative_to(folder.resolve())
        name = without_compression(path.resolve().relative_to(folder.resolve()).as_posix() if inside else path.name)
    dataset = dataset_of(package, name)
    if dataset is None:
        own = path.parent
        if is_called_as_it_is and find_package(own) not in (OWN_PACKAGE, find_package(folder)):
            raise InputError(
                f"{path}: '{name}' matches no dataset of the data folder '{folder}'; to read it as"
                f" {find_package(own)} says, add --data {shlex.quote(str(own))}"
            )
        raise InputError(
            f"{path}: '{name}' matches no dataset; call it one of {expected_names(package)}, or use --name"
        )
    return Source(name, path, dataset)


def _remote_source(package: Package, folder: Path, url: Url, name: str | None) -> Source:
    name = name or without_compression(url.name)
    if not name:
        raise InputError(f"{url}: a folder; name the CSV files in it")
    if dataset := dataset_of(package, name):
        return Source(name, url, dataset)
    is_own = find_package(folder) == OWN_PACKAGE
    other = ", or name the folder of your datapackage.json with --data" if is_own else ""
    raise InputError(f"{url}: '{name}' matches no dataset; use --name with one of {expected_names(package)}{other}")


def _may_be_csv(name: str) -> bool:
    plain = without_compression(name)
    return bool(LIKE_CSV.search(plain) or ANY_TEXT.search(plain)) or name.lower().endswith(".zip")


def _free_name(package: Package, name: str, taken: set[str]) -> str | None:
    """The name that a file may be meant to have, such as people-2.csv for people_2.csv; that name is taken then.

    None if it is like no dataset, or if the dataset that it is like takes no further file.
    """
    stem = ANY_TEXT.sub("", LIKE_CSV.sub("", without_compression(name)))
    words = [word for word in re.split(r"[\W_]+", stem) if word]
    datasets = {dataset.name: dataset for dataset in package.datasets}
    for position, word in enumerate(words):
        if close := get_close_matches(word.lower(), datasets, n=1, cutoff=0.75):
            dataset = datasets[close[0]]
            rest = [*words[:position], *words[position + 1 :]]
            nearest = "-".join([close[0], *rest])
            exact = [
                path for path in dataset.paths if "*" not in path and "[" not in path
            ]  # no pattern, or meant as one
            numbered = (f"{nearest}-{number}.csv" for number in count(2)) if holds(dataset, f"{nearest}-2.csv") else ()
            first = [f"{nearest}.csv"] if holds(dataset, f"{nearest}.csv") else []
            free = next((each for each in chain(first, numbered, exact) if each.casefold() not in taken), None)
            if free:
                taken.add(free.casefold())
            return free
    return None
