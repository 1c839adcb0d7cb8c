"""What a description may say that the engine does not do: refused by name before anything is made or queued."""

from collections.abc import Iterable

from pipeline.descriptions.description import Dataset, own_references, unique_keys
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
    if own := own_references(dataset):
        if dataset.shared_keys:
            return "a foreign key to the dataset itself does not go with pipeline:sharedKeys; remove one of the two"
        if any(reference.id_column for reference in own):
            return "pipeline:idColumn is not supported in a foreign key to the dataset itself; remove it"
    return None
