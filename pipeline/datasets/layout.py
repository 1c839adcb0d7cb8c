"""How the fields of a dataset lie in its table: in their order, an id in place of the fields that refer to a row."""

from pipeline.descriptions.description import Dataset


def stored_positions(dataset: Dataset) -> list[int]:
    """What the columns of the table hold, in their order: positions in the list of all fields and then all references.

    The position of a reference stands for its id, in place of the first of its fields; the others are not stored.
    """
    names = [field.name for field in dataset.fields]
    ids = {
        names.index(reference.fields[0]): len(names) + number
        for number, reference in enumerate(dataset.references)
        if reference.id_column
    }
    replaced = {
        names.index(name) for reference in dataset.references if reference.id_column for name in reference.fields
    }
    return [
        ids.get(position, position) for position in range(len(names)) if position in ids or position not in replaced
    ]


def stored_columns(dataset: Dataset) -> list[str]:
    """The names of the columns of the table that hold a row's values, in order."""
    names = [field.column for field in dataset.fields] + [reference.id_column or "" for reference in dataset.references]
    return [names[position] for position in stored_positions(dataset)]
