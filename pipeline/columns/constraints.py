"""The constraints of a field, each as a rule for one value, for a whole block, and for PostgreSQL."""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pipeline.columns.types.column_type import BadTextError, ColumnType, Value, clean
from pipeline.columns.types.pattern import Pattern
from pipeline.descriptions.description import Field

BOUNDS: dict[str, tuple[str, Callable[[Any, Any], bool], str]] = {
    "minimum": (">=", operator.ge, "is less than"),
    "maximum": ("<=", operator.le, "is more than"),
    "exclusive_minimum": (">", operator.gt, "is not more than"),
    "exclusive_maximum": ("<", operator.lt, "is not less than"),
}
LENGTHS = {"min_length": "minimum", "max_length": "maximum"}
IN_JSON = {
    "min_length": "minLength",
    "max_length": "maxLength",
    "exclusive_minimum": "exclusiveMinimum",
    "exclusive_maximum": "exclusiveMaximum",
}


@dataclass(frozen=True)
class Block:
    """Texts that are values of the type, as they stand and as they are copied."""

    texts: Sequence[str]
    copied: Sequence[str]
    column_type: ColumnType

    @cached_property
    def quick_keys(self) -> Sequence[Any]:
        return self.column_type.quick_keys(self.copied)


@dataclass(frozen=True)
class Rule:
    """A constraint."""

    name: str
    broken: str  # the reason in a message, for a value that breaks it
    shows_value: bool
    holds: Callable[[str, Value], bool]  # of a cleaned text and its value
    holds_for_all: Callable[[Block], bool] | None = None  # quickly; False if it may not. None: there is no quick way
    check: str | None = None  # an SQL condition; None if PostgreSQL cannot hold the rule
    verbatim: str | None = None  # of such a rule: a pattern of fields that keep it, as ColumnType.verbatim


def rules(field: Field, column_type: ColumnType, column: str) -> list[Rule]:
    """The rules of a field, of its quoted column; `required` is not one, since NULL breaks no rule.

    Raises ValueError if a constraint is not for the type, or is none.
    """
    constraints = field.constraints
    found = []
    for name in LENGTHS:
        if (limit := getattr(constraints, name)) is not None:
            found.append(_length_rule(name, limit, field, column_type, column))
    for name in BOUNDS:
        if (bound := getattr(constraints, name)) is not None:
            found.append(_bound_rule(name, bound, field, column_type, column))
    if constraints.pattern is not None:
        found.append(_pattern_rule(constraints.pattern, field, column_type))
    if constraints.enum is not None:
        found.append(_enum_rule(constraints.enum, column_type, column))
    if constraints.not_in_future:
        found.append(_future_rule(field, column_type))
    return found


def _length_rule(name: str, limit: int, field: Field, column_type: ColumnType, column: str) -> Rule:
    if column_type.unit is None:
        raise ValueError(f"{IN_JSON[name]} does not apply to type {field.type!r}")
    sql_operator, compare, _ = BOUNDS[LENGTHS[name]]
    strictest = min if ">" in sql_operator else max

    def holds_for_all(block: Block) -> bool:
        return compare(strictest(map(len, block.texts)), limit)

    return Rule(
        name,
        _length_broken(limit, column_type.unit, is_minimum=name == "min_length"),
        shows_value=False,
        holds=lambda _, value: compare(value.size, limit),
        holds_for_all=holds_for_all if column_type.unit == "character" else None,
        check=f"{column_type.size_sql.format(column)} {sql_operator} {limit}",
    )


def _length_broken(limit: int, unit: str, *, is_minimum: bool) -> str:
    counted = f"{limit} {unit}" if limit == 1 else f"{limit} {unit}s"
    if unit == "character":
        return f"is {'shorter' if is_minimum else 'longer'} than {counted}"
    return f"has {'fewer' if is_minimum else 'more'} than {counted}"


def _bound_rule(name: str, text: str, field: Field, column_type: ColumnType, column: str) -> Rule:
    in_json = IN_JSON.get(name, name)
    if not column_type.is_ordered:
        raise ValueError(f"{in_json} does not apply to type {field.type!r}")
    bound = _constant(in_json, text, column_type)
    sql_operator, compare, broken = BOUNDS[name]
    if bound.key != bound.key:
        raise ValueError(f"{in_json} {text!r} is not a bound")
    strictest, clearly = (min, operator.gt) if ">" in sql_operator else (max, operator.lt)
    quick_bound = column_type.quick_key(bound.key)

    def holds_for_all(block: Block) -> bool:
        is_clear: bool = clearly(strictest(block.quick_keys), quick_bound)
        return is_clear or compare(strictest(column_type.keys(block.copied)), bound.key)

    return Rule(
        name,
        f"{broken} {text}",
        shows_value=True,
        holds=lambda _, value: value.key == value.key and compare(value.key, bound.key),  # NaN is within no bounds
        holds_for_all=holds_for_all,
        check=column_type.bound_check(column, sql_operator, bound),
    )


def _pattern_rule(text: str, field: Field, column_type: ColumnType) -> Rule:
    """PostgreSQL cannot hold this rule: its regular expressions differ."""
    if not column_type.has_pattern:
        raise ValueError(f"pattern does not apply to type {field.type!r}")
    pattern = Pattern(text)
    return Rule(
        "pattern",
        f"does not match the pattern {text}",
        shows_value=True,
        holds=lambda cleaned, _: pattern.matches(cleaned),
        holds_for_all=lambda block: pattern.matches_all(block.texts),
        verbatim=pattern.verbatim if field.type == "string" and field.format == "default" else None,
    )


def _enum_rule(texts: Sequence[str], column_type: ColumnType, column: str) -> Rule:
    values = [_constant("enum", text, column_type) for text in texts]
    allowed = {value.key for value in values}
    literals = ", ".join(map(column_type.literal, values))
    return Rule(
        "enum",
        "is not the one allowed value" if len(allowed) == 1 else f"is not one of {len(allowed)} allowed values",
        shows_value=True,
        holds=lambda _, value: value.key in allowed,
        check=f"{column} IN ({literals})" if values else "false",
    )


def _future_rule(field: Field, column_type: ColumnType) -> Rule:
    """PostgreSQL does not hold this rule: a CHECK must stay true of a row."""
    try:
        column_type.now()
    except ValueError:
        raise ValueError(f"pipeline:notInFuture does not apply to type {field.type!r}") from None
    return Rule(
        "not_in_future",
        "is in the future",
        shows_value=True,
        holds=lambda _, value: value.key <= column_type.now(),
        holds_for_all=lambda block: max(block.quick_keys) <= column_type.now(),
    )


def _constant(name: str, text: str, column_type: ColumnType) -> Value:
    try:
        return column_type.bound(clean(text))
    except BadTextError as error:
        raise ValueError(f"{name} {text!r} {error.rule}") from None
