"""What a description may say that the engine does not do: refused by name before anything is made or queued."""

from collections.abc import Iterable

from pipeline.descriptions.description import Dataset, unique_keys
from pipeline.errors import SettingsError


def check_supported(datasets: Iterable[Dataset]) -> None:
    """Raises SettingsError, naming dataset and property, if rows of a dataset could not be loaded as described."""
    for dataset in datasets:
        fault = _unsupported(dataset)
        if fault:
            raise SettingsError(f"datapackage.json: dataset '{dataset.name}': {fault}")


def _unsupported(dataset: Dataset) -> str | None:
    if dataset.shared_keys and (keys := unique_keys(dataset)):
        return (
            f"uniqueKeys or the constraint unique ({', '.join(keys[0])}) do not go with pipeline:sharedKeys;"
            " remove one of the two"
        )
    if any(reference.dataset == dataset.name for reference in dataset.references):
        return "a foreign key to the dataset itself is not supported; remove it"
    return None
