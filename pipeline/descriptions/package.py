"""A Data Package (https://datapackage.org): the descriptions of all datasets of a data folder."""

from functools import cache
from graphlib import CycleError, TopologicalSorter
from heapq import heappop, heappush
from pathlib import Path

from pipeline.descriptions.description import Dataset, Field, Package, Reference
from pipeline.descriptions.document import Node, read_document
from pipeline.descriptions.faults import Faults
from pipeline.descriptions.fields import read_missing_values
from pipeline.descriptions.resource import PackageContext, read_resource
from pipeline.descriptions.table_schema import check_clashes
from pipeline.errors import InputError

FILE_NAME = "datapackage.json"
OWN_PACKAGE = Path(__file__).parent / FILE_NAME  # describes places, people and examples
MOST_RESOURCES = 1_000
NAMES = frozenset({"$schema", "resources", "name", "missingValues"})


def find_package(data_folder: Path) -> Path:
    """The datapackage.json of the data folder, or else the project's own.

    Raises InputError if the folder does not say whether it has one.
    """
    path = data_folder / FILE_NAME
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return OWN_PACKAGE
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; correct the folder or its rights") from error
    return path


def read_package(path: Path) -> Package:
    """The datasets that a datapackage.json describes, in load order.

    Raises InputError, which names file, JSON pointer and remedy of each fault, for what is wrong or not supported.
    Properties that the standard does not know are ignored, unless their names look like misspellings or begin with
    `pipeline:`. What parts have to do with each other is checked when each of them is right. The project's own file is
    read once in a process.
    """
    return _own_package() if path == OWN_PACKAGE else _read(path)


@cache
def _own_package() -> Package:
    return _read(OWN_PACKAGE)


def _read(path: Path) -> Package:
    root, faults = read_document(path), Faults()
    with faults:
        root.check_names(NAMES)
    if not root.get("resources"):  # its name may be the one that is misspelled
        faults.check()
    nodes = root.needed("resources").items()
    if not 1 <= len(nodes) <= MOST_RESOURCES:
        raise root["resources"].error(f"{len(nodes)} resources", f"describe 1 to {MOST_RESOURCES}")
    missing_values, profile = read_missing_values(root), root.get("$schema")
    context = PackageContext(
        path.parent, ("",) if missing_values is None else missing_values, profile.text() if profile else ""
    )
    read = []
    for node in nodes:
        with faults:
            read.append(read_resource(node, context))
    faults.check()
    datasets = [dataset for dataset, _ in read]
    check_clashes(nodes, [dataset.name for dataset in datasets], "are the same name")
    check_clashes(nodes, [dataset.table for dataset in datasets], "make the same table", 'give one a "pipeline:table"')
    by_name = {dataset.name: dataset for dataset in datasets}
    for dataset, schema in read:
        for position, reference in enumerate(dataset.references):
            with faults:
                _check_reference(dataset, reference, by_name, schema["foreignKeys"][position])
    faults.check()
    name = root.get("name")
    return Package(name.text() if name else None, _in_load_order(by_name, root["resources"]))


def _check_reference(dataset: Dataset, reference: Reference, by_name: dict[str, Dataset], node: Node) -> None:
    """Raises InputError if a foreign key does not lead to a key of a dataset, of the same types."""
    target_node = node["reference"]
    if (target := by_name.get(reference.dataset)) is None:
        raise target_node["resource"].error(
            f"{target_node['resource'].shown} is not a resource", f"name one of {', '.join(list(by_name)[:20])}"
        )
    own, other = _by_name(dataset), _by_name(target)
    for name, key in zip(reference.fields, reference.keys, strict=True):
        if key not in other:
            raise target_node["fields"].error(f"'{key}' is not a field of {target.name}", "name one of its fields")
        if _kind(own[name]) != _kind(other[key]):
            raise node.error(
                f"'{name}' is of type {_kind(own[name])}, and '{key}' of {target.name} of type {_kind(other[key])}",
                "give both the same type",
            )
    unique = [(field.name,) for field in target.fields if field.constraints.unique]
    if not any(set(reference.keys) == set(key) for key in (target.primary_key, *target.unique_keys, *unique)):
        raise target_node["fields"].error(
            f"{', '.join(reference.keys)} is not a key of {target.name}",
            "make it its primaryKey, one of its uniqueKeys, or unique",
        )


def _kind(field: Field) -> str:
    """What two fields that are compared must have in common; `any` is kept as a string is."""
    if field.type in ("string", "any"):
        return f"string ({field.format})" if field.format in ("uuid", "binary") else "string"
    return f"list of {field.item_type}" if field.type == "list" else field.type


def _in_load_order(by_name: dict[str, Dataset], resources: Node) -> tuple[Dataset, ...]:
    """Those that others refer to first, else as they stand in the file."""
    referred = {name: {ref.dataset for ref in dataset.references} - {name} for name, dataset in by_name.items()}
    try:
        sorter = TopologicalSorter(referred)
        sorter.prepare()
    except CycleError as error:
        cycle = " → ".join(reversed(error.args[1]))
        raise resources.error(f"resources refer to each other in a cycle: {cycle}", "remove one reference") from error
    names, ready = list(by_name), list[int]()
    positions = {name: position for position, name in enumerate(names)}
    ordered = []
    while sorter.is_active():
        for name in sorter.get_ready():
            heappush(ready, positions[name])
        ordered.append(names[heappop(ready)])
        sorter.done(ordered[-1])
    return tuple(map(by_name.__getitem__, ordered))


def _by_name(dataset: Dataset) -> dict[str, Field]:
    return {field.name: field for field in dataset.fields}
