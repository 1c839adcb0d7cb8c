"""A Table Schema: its fields, keys and references."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace

from pipeline.descriptions.description import Field, Reference
from pipeline.descriptions.document import Node
from pipeline.descriptions.faults import Faults
from pipeline.descriptions.fields import read_field, read_missing_values
from pipeline.descriptions.naming import column_fault, snake_case

MOST_FIELDS = 1_500  # PostgreSQL takes 1600 columns, and the pipeline has some of its own
FIELDS_MATCH = ("exact", "equal", "subset", "superset", "partial")
NAMES = frozenset({"$schema", "fields", "fieldsMatch", "missingValues", "primaryKey", "uniqueKeys", "foreignKeys"})
UNSUPPORTED = {"$ref": "write the schema here, or name its file"}
ELSEWHERE = dict.fromkeys(("package", "datapackage"), "refer to a resource of this package")
WITHOUT_KEYS = ("object", "array", "geojson", "geopoint")  # types whose values PostgreSQL keeps in no key


@dataclass(frozen=True)
class Schema:
    fields: tuple[Field, ...]
    fields_match: str
    primary_key: tuple[str, ...]
    unique_keys: tuple[tuple[str, ...], ...]
    references: tuple[Reference, ...]


def read_schema(node: Node, dataset: str, missing_values: tuple[str, ...], default_type: str) -> Schema:
    """Of the dataset of this name; whether what it refers to exists is for the package to say.

    Raises InputError with the faults of all fields, or of all keys once the fields are right.
    """
    faults = Faults()
    with faults:
        node.check_names(NAMES, UNSUPPORTED)
    own_missing_values = read_missing_values(node)
    missing_values = missing_values if own_missing_values is None else own_missing_values
    nodes = node.needed("fields").items()
    if not 1 <= len(nodes) <= MOST_FIELDS:
        raise node["fields"].error(f"{len(nodes)} fields", f"describe 1 to {MOST_FIELDS}")
    fields = _fields(nodes, missing_values, default_type, faults)
    check_clashes(
        nodes, [_comparable(field.name) for field in fields], "are one name in a header, where case is ignored"
    )
    check_clashes(nodes, [field.column for field in fields], "make the same column", 'give one a "pipeline:column"')
    schema = _with_keys(fields, node, dataset, faults)
    _check_id_columns(schema, node)
    for field, field_node in zip(fields, nodes, strict=True):
        if field.constraints.unique:
            with faults:
                _check_key_type(field, field_node["constraints"]["unique"])
    faults.check()
    return schema


def _fields(
    nodes: Iterable[Node], missing_values: tuple[str, ...], default_type: str, faults: Faults
) -> tuple[Field, ...]:
    fields = []
    for node in nodes:
        with faults:
            fields.append(read_field(node, missing_values, default_type))
    faults.check()
    return tuple(fields)


def _with_keys(fields: tuple[Field, ...], node: Node, dataset: str, faults: Faults) -> Schema:
    """The schema of these fields, with the keys of `node`."""
    primary_key: tuple[str, ...] = ()
    unique_keys, references = [], []
    with faults:
        fields_match = _fields_match(node)
    with faults:
        primary_key = _key(key_node, fields) if (key_node := node.get("primaryKey")) else ()
    for key in _items(node, "uniqueKeys"):
        with faults:
            unique_keys.append(_key(key, fields))
    for key in _items(node, "foreignKeys"):
        with faults:
            references.append(_reference(key, dataset, fields))
    faults.check()
    fields = tuple(_required(field) if field.name in primary_key else field for field in fields)
    return Schema(fields, fields_match, primary_key, tuple(unique_keys), tuple(references))


def check_clashes(nodes: Iterable[Node], names: Iterable[str], fault: str, remedy: str = "rename one") -> None:
    """Raises InputError if two of the named objects have the same of these names."""
    first: dict[str, Node] = {}
    for node, name in zip(nodes, names, strict=True):
        if name in first:
            raise node["name"].error(f"{first[name]['name'].shown} and {node['name'].shown} {fault}", remedy)
        first[name] = node


def _fields_match(node: Node) -> str:
    """A string; also an array of one, as the standard's first drafts had it."""
    if (found := node.get("fieldsMatch")) is None:
        return "exact"
    [match, *more] = found.text_or_texts()
    if match not in FIELDS_MATCH or more:
        raise found.error(f"{found.shown} is not a way to match fields", f"use one of {', '.join(FIELDS_MATCH)}")
    return match


def _key(node: Node, fields: tuple[Field, ...]) -> tuple[str, ...]:
    """The names of a key, which must be those of fields."""
    by_name = {field.name: field for field in fields}
    names = node.text_or_texts()
    for position, name in enumerate(names):
        owner = node[position] if isinstance(node.value, list) else node
        if name not in by_name:
            raise owner.error(f"{owner.shown} is not a field", "name one of the fields")
        _check_key_type(by_name[name], owner)
    return names


def _check_key_type(field: Field, node: Node) -> None:
    if field.type in WITHOUT_KEYS:
        raise node.error(f"'{field.name}' is of type {field.type}, which cannot be in a key", "leave it out")


def _reference(node: Node, dataset: str, fields: tuple[Field, ...]) -> Reference:
    node.check_names({"fields", "reference", "pipeline:idColumn"})
    target = node.needed("reference").as_object()
    target.check_names({"resource", "fields"}, ELSEWHERE)
    names, keys = _key(node.needed("fields"), fields), target.needed("fields").text_or_texts()
    if len(names) != len(keys):
        raise node.error(f"{len(names)} fields refer to {len(keys)}", "name as many on both sides")
    resource = target.get("resource")
    return Reference(names, (resource and resource.text()) or dataset, keys, _id_column(node))


def _id_column(node: Node) -> str | None:
    if (given := node.get("pipeline:idColumn")) is None:
        return None
    fault = column_fault(given.name())
    if fault or given.text() != snake_case(given.text()):
        raise given.error(f"the column {given.shown} {fault or 'is not in snake_case'}", "name another")
    return given.text()


def _check_id_columns(schema: Schema, node: Node) -> None:
    """Raises InputError where an id column clashes, or where another key needs a field that it replaces."""
    columns = {field.column for field in schema.fields}
    in_keys = {name for key in (schema.primary_key, *schema.unique_keys) for name in key}
    in_keys.update(field.name for field in schema.fields if field.constraints.unique)
    times: dict[str, int] = {}
    for reference in schema.references:
        for name in reference.fields:
            times[name] = times.get(name, 0) + 1
    for position, reference in enumerate(schema.references):
        if reference.id_column is None:
            continue
        given = node["foreignKeys"][position]["pipeline:idColumn"]
        if reference.id_column in columns:
            raise given.error(f"there is a column {given.shown} already", "name another")
        columns.add(reference.id_column)
        for name in reference.fields:
            if name in in_keys or times[name] > 1:
                raise given.error(f"{given.shown} replaces '{name}', which another key needs", "remove it")


def _required(field: Field) -> Field:
    return replace(field, constraints=replace(field.constraints, required=True))


def _items(node: Node, name: str) -> list[Node]:
    return found.items() if (found := node.get(name)) else []


def _comparable(name: str) -> str:
    return unicodedata.normalize("NFC", name.strip()).lower()
