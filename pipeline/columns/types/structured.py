"""Types with inner values: JSON objects and arrays, and lists of one type."""

import json
import re
from decimal import Decimal
from typing import Any

from pipeline.columns.types.column_type import BadTextError, ColumnType, Value
from pipeline.columns.types.dates import Date, DateTime, Time
from pipeline.columns.types.numbers import Integer, Number, exact
from pipeline.columns.types.text import Boolean, String
from pipeline.descriptions.description import Field
from pipeline.postgres.copy_format import copy_field, copy_field_text
from pipeline.postgres.quoting import is_storable

DEEPEST = 100  # levels of objects and arrays within one another
BRACKET = re.compile(r"[\[{]")
ITEM_TYPES: dict[str, type[ColumnType]] = {
    "boolean": Boolean,
    "date": Date,
    "datetime": DateTime,
    "integer": Integer,
    "number": Number,
    "string": String,
    "time": Time,
}


def _no_number(name: str) -> Any:
    """NaN, Infinity and -Infinity are numbers to Python's json, not to JSON."""
    raise ValueError(f"{name} is not JSON")


DECODER = json.JSONDecoder(parse_float=exact, parse_int=exact, parse_constant=_no_number)


class Json(ColumnType):
    """The base of object, array and GeoJSON."""

    postgresql = "jsonb"
    is_quick = False
    json_type: str  # as jsonb_typeof names it
    expected: str

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self._has_enum = field.constraints.enum is not None

    def value(self, text: str) -> Value:
        content = parsed(text, self.expected)
        if not self.is_kind(content):
            raise BadTextError(self.expected)
        return Value(copy_field(text), _comparable(content) if self._has_enum else None, len(content))

    def is_kind(self, content: Any) -> bool:
        """Whether parsed JSON is of the type."""
        raise NotImplementedError

    def base_checks(self, column: str) -> list[tuple[str, str]]:
        return [("type", f"jsonb_typeof({column}) = '{self.json_type}'")]


class Object(Json):
    json_type = "object"
    expected = "is not a JSON object"
    unit = "key"
    size_sql = "jsonb_array_length(jsonb_path_query_array({}, '$.keyvalue()'))"

    def is_kind(self, content: Any) -> bool:
        return isinstance(content, dict)


class Array(Json):
    json_type = "array"
    expected = "is not a JSON array"
    unit = "item"
    size_sql = "jsonb_array_length({})"

    def is_kind(self, content: Any) -> bool:
        return isinstance(content, list)


class List(ColumnType):
    """Values of one type between delimiters, each trimmed; the items are in their default format."""

    is_quick = False
    unit = "item"
    size_sql = "cardinality({})"

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        if field.item_type not in ITEM_TYPES:
            raise ValueError(f"itemType {field.item_type!r} is not supported")
        if not field.delimiter:
            raise ValueError("delimiter is empty")
        self._delimiter = field.delimiter
        self._item_type = field.item_type
        self._item = ITEM_TYPES[field.item_type](Field(field.name, field.column, field.item_type))
        self.postgresql = f"{self._item.postgresql}[]"

    def value(self, text: str) -> Value:
        try:
            items = [self._item.value(item.strip()) for item in text.split(self._delimiter)]
        except BadTextError as error:
            raise BadTextError(f"has an item that {error.rule}") from None
        array = ",".join(_array_element(copy_field_text(item.copied)) for item in items)
        return Value(copy_field(f"{{{array}}}"), tuple(item.key for item in items), len(items))

    def base_checks(self, column: str) -> list[tuple[str, str]]:
        return [("items", f"array_position({column}, NULL) IS NULL AND array_ndims({column}) = 1")]


def parsed(text: str, expected: str) -> Any:
    """JSON that PostgreSQL's jsonb takes, with its numbers as Decimal; else raises BadTextError with the rule."""
    try:
        content = DECODER.decode(text)
    except BadTextError as error:
        raise BadTextError(f"has a number that {error.rule}") from None
    except RecursionError:
        raise BadTextError(f"is nested more than {DEEPEST} levels deep") from None
    except ValueError:
        raise BadTextError(expected) from None
    if "\\u" in text or len(BRACKET.findall(text)) > DEEPEST:
        _check_inside(content)
    return content


def _check_inside(content: Any) -> None:
    level = [content]
    for _ in range(DEEPEST):
        for text in level:
            if isinstance(text, str) and not is_storable(text):
                raise BadTextError("has \\u0000 or half a surrogate pair in a JSON string")
        level = [inner for outer in level for inner in _parts(outer)]
        if not level:
            return
    if any(isinstance(inner, dict | list) for inner in level):
        raise BadTextError(f"is nested more than {DEEPEST} levels deep")


def _parts(content: Any) -> list[Any]:
    if isinstance(content, dict):
        return [*content.keys(), *content.values()]
    return content if isinstance(content, list) else []


def _comparable(content: Any) -> Any:
    """Equal for content that jsonb holds equal: numbers by value, objects in any order; true is not 1."""
    if isinstance(content, dict):
        return frozenset((key, _comparable(inner)) for key, inner in content.items())
    if isinstance(content, list):
        return tuple(map(_comparable, content))
    return content if isinstance(content, str | Decimal) else repr(content).encode()


def _array_element(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
