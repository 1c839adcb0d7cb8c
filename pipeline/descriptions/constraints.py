"""The rules that a description sets for the values of a field."""

import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from pipeline.descriptions.description import Constraints, Field
from pipeline.descriptions.document import Node
from pipeline.descriptions.literals import literal

T = TypeVar("T")

LONGEST_PATTERN = 1_000  # characters
ORDERED = frozenset({"integer", "number", "date", "time", "datetime", "duration", "year", "yearmonth"})
# The types that a constraint is for, where it is not for all. https://datapackage.org/standard/table-schema/
TYPES = {
    "minLength": frozenset({"string", "array", "object", "list"}),
    "maxLength": frozenset({"string", "array", "object", "list"}),
    "minimum": ORDERED,
    "maximum": ORDERED,
    "exclusiveMinimum": ORDERED,
    "exclusiveMaximum": ORDERED,
    "pattern": frozenset({"string"}),
    "pipeline:notInFuture": frozenset({"date", "datetime", "year", "yearmonth"}),
}
NAMES = frozenset({"required", "unique", "enum", *TYPES})
KEYS = dict.fromkeys(("primaryKey", "uniqueKeys", "foreignKeys"), "write it into 'schema', next to 'fields'")
UNSUPPORTED = {
    **KEYS,
    "jsonSchema": "remove it, or check the values after the load",
    "pipeline:notInFuture": "write it next to 'constraints'",
}


def read_constraints(owner: Node, field: Field) -> Constraints:
    """Of the field that `owner` describes, whose type and format are known."""
    node = owner.get("constraints") or Node({}, owner.document, owner, "constraints")
    node.check_names(NAMES - {"pipeline:notInFuture"}, UNSUPPORTED, others=False)
    for place in (node, owner):
        for name in TYPES.keys() & place.value.keys():
            if field.type not in TYPES[name]:
                wanted = ", ".join(sorted(TYPES[name]))
                raise place[name].error(f"'{name}' is not for type {field.type}", f"remove it; it is for {wanted}")

    def bound(name: str) -> str | None:
        return literal(found, field) if (found := node.get(name)) else None

    constraints = Constraints(
        required=_flag(node, "required"),
        unique=_flag(node, "unique"),
        min_length=_read_optional(node, "minLength", Node.count),
        max_length=_read_optional(node, "maxLength", Node.count),
        minimum=bound("minimum"),
        maximum=bound("maximum"),
        exclusive_minimum=bound("exclusiveMinimum"),
        exclusive_maximum=bound("exclusiveMaximum"),
        pattern=_read_optional(node, "pattern", _pattern),
        enum=_read_optional(node, "enum", lambda found: _values(found, field)),
        not_in_future=_flag(owner, "pipeline:notInFuture"),
    )
    categories = owner.get("categories")
    return _within_categories(constraints, categories, node, field) if categories else constraints


def _within_categories(constraints: Constraints, categories: Node, node: Node, field: Field) -> Constraints:
    """With the categories as enum: the standard lets a field have no other value. Labels and order are not kept."""
    if field.type not in ("string", "integer"):
        raise categories.error(f"'categories' is not for type {field.type}", "write an enum into the constraints")
    values = _values(categories, field)
    if constraints.enum is None:
        return replace(constraints, enum=values)
    allowed = set(values)
    for position, value in enumerate(constraints.enum):
        if value not in allowed:
            raise node["enum"][position].error(f"{value!r} is not among the categories", "add it there or remove it")
    return constraints


def _values(node: Node, field: Field) -> tuple[str, ...]:
    """Of an enum, or of categories, which may be objects with a value and a label."""
    items = [item.needed("value") if isinstance(item.value, dict) else item for item in node.items()]
    values = tuple(dict.fromkeys(literal(item, field) for item in items))
    if not values:
        raise node.error("the array is empty", "fill or remove it")
    return values


def _pattern(node: Node) -> str:
    text = node.text()
    if len(text) > LONGEST_PATTERN:
        raise node.error(f"longer than {LONGEST_PATTERN} characters", "shorten it")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # where other languages read the expression in another way
            re.compile(text)
    except (re.error, OverflowError, RecursionError, Warning) as error:
        raise node.error(f"{node.shown} is not a regular expression ({error})", "correct it") from error
    return text


def _flag(node: Node, name: str) -> bool:
    return found.flag() if (found := node.get(name)) else False


def _read_optional(node: Node, name: str, read: Callable[[Node], T]) -> T | None:
    return read(found) if (found := node.get(name)) else None
