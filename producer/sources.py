"""Which files to load, what they are called, and which dataset each holds."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.database import is_storable
from pipeline.datasets import DATASETS, Dataset
from pipeline.errors import InputError, SettingsError
from producer.content import STANDARD_INPUT


@dataclass(frozen=True)
class Source:
    """A file and the name under which the ledger knows it."""

    name: str  # within the data folder and without .gz, such as people.csv
    path: Path
    dataset: type[Dataset]

    def __post_init__(self) -> None:
        """Raises InputError if the ledger cannot know the file under this name."""
        if not is_storable(self.name):
            raise InputError(f"{self.path}: the name '{self.name}' is not UTF-8; rename the file, or use --name")


def find_sources(folder: Path, files: tuple[Path, ...], name: str | None = None) -> list[Source]:
    """The sources among `files`, or all of `folder` if none are named; places before people.

    `name` is what the one file is called, whatever its own name is. Raises SettingsError if the folder is
    missing or holds no source, InputError if a file is missing or matches no dataset.
    """
    if name is not None and len(files) != 1:
        raise SettingsError(f"--name: '{name}' is the name of one file; name that file")
    sources = [_source(folder, path, name) for path in files] if files else _sources_in(folder)
    return sorted(sources, key=lambda source: (DATASETS.index(source.dataset), source.name))


def expected_names() -> str:
    names = [f"{dataset.name}.csv, {dataset.name}-*.csv, {dataset.name}/*.csv" for dataset in DATASETS]
    return ", ".join(names) + " (or with .gz)"


def _sources_in(folder: Path) -> list[Source]:
    if not folder.is_dir():
        raise SettingsError(f"DATA_DIR: no folder '{folder}'; create it or correct the setting")
    try:
        paths = [path for each in (folder, *(folder / dataset.name for dataset in DATASETS)) for path in _files(each)]
    except OSError as error:
        raise SettingsError(
            f"DATA_DIR: cannot read '{error.filename}': {error.strerror}; correct its rights"
        ) from error
    names = {path: path.relative_to(folder).as_posix().removesuffix(".gz") for path in paths}
    sources = [Source(names[path], path, dataset) for path in paths if (dataset := _dataset_of(names[path]))]
    if not sources:
        raise SettingsError(f"DATA_DIR: folder '{folder}' holds none of {expected_names()}")
    return sources


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.is_dir()) if folder.is_dir() else []


def _source(folder: Path, path: Path, name: str | None) -> Source:
    if path != STANDARD_INPUT and not path.exists():
        raise InputError(f"{path}: no such file; name a CSV file that exists")
    if name is None:
        inside = path.resolve().is_relative_to(folder.resolve())
        name = path.resolve().relative_to(folder.resolve()).as_posix() if inside else path.name
        name = name.removesuffix(".gz")
    dataset = _dataset_of(name)
    if dataset is None:
        raise InputError(f"{path}: '{name}' matches no dataset; call it one of {expected_names()}, or use --name")
    return Source(name, path, dataset)


def _dataset_of(name: str) -> type[Dataset] | None:
    return next((dataset for dataset in DATASETS if dataset.holds(name)), None)
