"""The types of the standard, one class for each: how a text becomes a value of PostgreSQL."""

from pipeline.columns.types.column_type import ColumnType
from pipeline.columns.types.dates import Date, DateTime, Time, Year, YearMonth
from pipeline.columns.types.durations import Duration
from pipeline.columns.types.geography import GeoJson, GeoPoint
from pipeline.columns.types.numbers import Integer, Number
from pipeline.columns.types.structured import Array, List, Object
from pipeline.columns.types.text import Any, Binary, Boolean, Email, String, Uri, Uuid
from pipeline.descriptions.description import Field

TYPES: dict[str, type[ColumnType]] = {
    "any": Any,
    "array": Array,
    "boolean": Boolean,
    "date": Date,
    "datetime": DateTime,
    "duration": Duration,
    "geojson": GeoJson,
    "geopoint": GeoPoint,
    "integer": Integer,
    "list": List,
    "number": Number,
    "object": Object,
    "string": String,
    "time": Time,
    "year": Year,
    "yearmonth": YearMonth,
}
STRING_FORMATS: dict[str, type[ColumnType]] = {"binary": Binary, "email": Email, "uri": Uri, "uuid": Uuid}


def type_of(field: Field) -> ColumnType:
    """The type of a field; raises ValueError if it, its format or one of its properties is not supported."""
    if field.type not in TYPES:
        raise ValueError(f"type {field.type!r} is not supported")
    if field.type == "string" and field.format in STRING_FORMATS:
        return STRING_FORMATS[field.format](field)
    return TYPES[field.type](field)
