"""Which files to load, what they are called, and which dataset each holds."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.datasets import DATASETS, Dataset
from pipeline.errors import InputError, SettingsError


@dataclass(frozen=True)
class Source:
    """A file and the name under which the ledger knows it."""

    name: str  # within the data folder, such as people.csv
    path: Path
    dataset: type[Dataset]


def find_sources(folder: Path, files: tuple[Path, ...]) -> list[Source]:
    """The sources among `files`, or all of `folder` if none are named; places before people.

    Raises SettingsError if the folder is missing or holds no source, InputError if a file is missing
    or matches no dataset.
    """
    if files:
        sources = [_source(folder, path) for path in files]
    else:
        if not folder.is_dir():
            raise SettingsError(f"DATA_DIR: no folder '{folder}'; create it or correct the setting")
        try:
            paths = sorted(folder.iterdir())
        except OSError as error:
            raise SettingsError(f"DATA_DIR: cannot read '{folder}': {error.strerror}; correct its rights") from error
        sources = [Source(path.name, path, dataset) for path in paths if (dataset := _dataset_of(path.name))]
        if not sources:
            raise SettingsError(f"DATA_DIR: folder '{folder}' holds none of {expected_names()}")
    return sorted(sources, key=lambda source: (DATASETS.index(source.dataset), source.name))


def expected_names() -> str:
    return ", ".join(f"{dataset.name}.csv" for dataset in DATASETS)


def _source(folder: Path, path: Path) -> Source:
    if not path.is_file():
        raise InputError(f"{path}: no such file; name a CSV file that exists")
    inside = path.resolve().is_relative_to(folder.resolve())
    name = path.resolve().relative_to(folder.resolve()).as_posix() if inside else path.name
    dataset = _dataset_of(name)
    if dataset is None:
        raise InputError(f"{path}: '{name}' matches no dataset; call it one of {expected_names()}")
    return Source(name, path, dataset)


def _dataset_of(name: str) -> type[Dataset] | None:
    return next((dataset for dataset in DATASETS if dataset.holds(name)), None)
