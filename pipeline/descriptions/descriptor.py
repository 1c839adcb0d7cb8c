"""A dataset as JSON text, as the ledger keeps it with each load: a resource of the standard, in one form only."""

import hashlib
import json
from dataclasses import fields, replace
from functools import cache
from typing import Any

from pipeline.descriptions.description import Constraints, Dataset, Dialect, Field, Reference
from pipeline.descriptions.document import OWN_PREFIX, parse_document
from pipeline.descriptions.resource import PackageContext, read_resource

OWN_PROPERTIES = ("column", "table", "not_in_future", "shared_keys", "sql_sha256", "id_column")


@cache
def rules_of_rows(dataset: Dataset) -> str:
    """The description as JSON text, without paths, titles and descriptions, which change no row."""
    fields_alone = tuple(replace(field, title=None, description=None) for field in dataset.fields)
    paths = (f"{dataset.table}.csv",)
    return dataset_to_json(replace(dataset, paths=paths, title=None, description=None, fields=fields_alone))


@cache
def description_digest(dataset: Dataset) -> str:
    """The SHA-256 of `rules_of_rows`: it is another where files have to be loaded again."""
    return hashlib.sha256(rules_of_rows(dataset).encode()).hexdigest()


def dataset_to_json(dataset: Dataset) -> str:
    """The same text for equal datasets, so that its SHA-256 tells whether a description has changed.

    Properties that have their default are left out, so that a later version of the pipeline, which knows more of
    them, makes the same text.
    """
    schema = {
        "fields": [_field(field) for field in dataset.fields],
        "fieldsMatch": dataset.fields_match,
        **_property_if_set("primaryKey", dataset.primary_key),
        **_property_if_set("uniqueKeys", dataset.unique_keys),
        **_property_if_set("foreignKeys", [_foreign_key(reference) for reference in dataset.references]),
    }
    resource = {
        **_properties(dataset, ("name", "table", "encoding", "shared_keys", "sql_sha256", "title", "description")),
        "path": dataset.paths,
        "schema": schema,
        **_property_if_set("dialect", _dialect(dataset.dialect)),
    }
    return json.dumps(resource, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def dataset_from_json(text: str, place: str = "description") -> Dataset:
    """The dataset of which `dataset_to_json` made this text, if it was one that had been read.

    The text is checked as a file is, except for what its references lead to. Raises InputError, which names `place`.
    """
    dataset, _ = read_resource(parse_document(text, place), PackageContext(is_sealed=True))
    return dataset


def _field(field: Field) -> dict[str, Any]:
    names = [each.name for each in fields(Field) if each.name != "constraints"]
    constraints = _properties(field.constraints, [each.name for each in fields(Constraints)])
    own = {name: constraints.pop(name) for name in list(constraints) if name.startswith(OWN_PREFIX)}
    return {**_properties(field, names), "type": field.type, **own, **_property_if_set("constraints", constraints)}


def _dialect(dialect: Dialect) -> dict[str, Any]:
    written = _properties(dialect, [each.name for each in fields(Dialect)])
    return {name: "" if value is None else value for name, value in written.items()}  # as quoteChar may be


def _foreign_key(reference: Reference) -> dict[str, Any]:
    target = {"resource": reference.dataset, "fields": reference.keys}
    return {"fields": reference.fields, "reference": target, **_properties(reference, ("id_column",))}


def _properties(value: Any, names: Any) -> dict[str, Any]:
    """What a dataclass of description.py holds under these names, by the names of the standard, without defaults."""
    defaults = {each.name: each.default for each in fields(value)}
    return {_json_name(name): getattr(value, name) for name in names if getattr(value, name) != defaults[name]}


def _json_name(name: str) -> str:
    first, *rest = name.split("_")
    camel = first + "".join(word.capitalize() for word in rest)
    return OWN_PREFIX + camel if name in OWN_PROPERTIES else camel


def _property_if_set(name: str, value: Any) -> dict[str, Any]:
    return {name: value} if value else {}
