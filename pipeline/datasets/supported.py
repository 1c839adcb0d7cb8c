"""What a description may say that the engine does not do: refused by name before anything is made or queued."""

from collections.abc import Iterable

from pipeline.descriptions.description import Dataset
from pipeline.errors import SettingsError


def check_supported(datasets: Iterable[Dataset]) -> None:
    """Raises SettingsError, naming dataset and property, if rows of a dataset could not be loaded as described."""
    for dataset in datasets:
        fault = _unsupported(dataset)
        if fault:
            raise SettingsError(f"datapackage.json: dataset '{dataset.name}': {fault}")


def _unsupported(dataset: Dataset) -> str | None:
    if dataset.unique_keys:
        return "uniqueKeys are not supported; make one of them the primaryKey, and remove the others"
    for field in dataset.fields:
        if field.constraints.unique and dataset.primary_key != (field.name,):
            return (
                f"the constraint unique of field '{field.name}' is not supported; make it the primaryKey, or remove it"
            )
    if any(reference.dataset == dataset.name for reference in dataset.references):
        return "a foreign key to the dataset itself is not supported; remove it"
    return None
