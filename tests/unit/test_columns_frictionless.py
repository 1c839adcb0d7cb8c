"""Columns and frictionless, the standard's own library: the same verdict and value, but for differences on purpose."""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import frictionless
import isodate
import pytest

from pipeline.columns.column import column
from pipeline.columns.types.column_type import clean
from pipeline.descriptions.description import Constraints, Field
from tests.column_cases import CASES, Patterns, drawn, field, named

COMPARED = [case for case in CASES if not case[0].constraints.not_in_future]
BAD, NULL = "bad", "NULL"
IN_JSON = {
    "min_length": "minLength",
    "max_length": "maxLength",
    "exclusive_minimum": "exclusiveMinimum",
    "exclusive_maximum": "exclusiveMaximum",
}


@cache
def frictionless_field(described: Field) -> frictionless.Field:
    constraints = {
        IN_JSON.get(name, name): list(value) if isinstance(value, tuple) else value
        for name in Constraints.__dataclass_fields__
        if (value := getattr(described.constraints, name)) not in (None, False)
    }
    descriptor: dict[str, Any] = {
        "name": described.name,
        "type": described.type,
        "format": described.format,
        "missingValues": list(described.missing_values),
        "constraints": constraints,
    }
    if described.type == "number":
        descriptor |= {"decimalChar": described.decimal_char, "bareNumber": described.bare_number}
        descriptor |= {"groupChar": described.group_char} if described.group_char else {}
    if described.type == "integer":
        descriptor["bareNumber"] = described.bare_number
    if described.type == "boolean":
        descriptor |= {"trueValues": list(described.true_values), "falseValues": list(described.false_values)}
    if described.type == "list":
        descriptor |= {"delimiter": described.delimiter, "itemType": described.item_type}
    return frictionless.Field.from_descriptor(descriptor)


def second_opinion(described: Field, text: str) -> Any:
    """BAD, NULL or the value of a cleaned text, as frictionless says."""
    try:
        value, notes = frictionless_field(described).read_cell(text)
    except (TypeError, frictionless.FrictionlessException) as error:
        return f"raises {type(error).__name__}"
    return BAD if notes else NULL if value is None else _same_form(described, value)


own_column = cache(column)


def first_opinion(described: Field, text: str) -> Any:
    asked = own_column(described)
    copied, faults = asked.check(text)
    if faults or copied == "\\N":
        return BAD if faults else NULL
    return _own_form(described, asked._type.value(clean(text)).key, clean(text))


def _same_form(described: Field, value: Any) -> Any:
    """A value of frictionless in the form that both are compared in."""
    if isinstance(value, list) and described.type == "list":
        return [_same_form(described, item) for item in value]
    if isinstance(value, Decimal):
        return str(value.normalize() if value else abs(value.to_integral()))
    if isinstance(value, datetime):
        is_utc = described.type == "list" or described.format == "default" or "%z" in described.format
        return value.replace(tzinfo=value.tzinfo or UTC) if is_utc else value
    if isinstance(value, isodate.Duration):
        return _microseconds(value.tdelta) + int(12 * value.years + value.months) * _microseconds(timedelta(days=30))
    if isinstance(value, timedelta):
        return _microseconds(value)
    if described.format == "binary":
        return base64.b64decode(value)
    if described.format == "uuid":
        return value.lower()
    if described.type == "yearmonth":
        return f"{value.year:04}-{value.month:02}"
    if described.type == "geopoint":
        return [_same_form(described, value.lon), _same_form(described, value.lat)]
    return value


def _own_form(described: Field, key: Any, text: str) -> Any:
    if described.type in ("object", "array", "geojson"):
        return json.loads(text)
    if isinstance(key, tuple):
        return [_own_form(described, item, text) for item in key]
    if described.type == "boolean" or described.item_type == "boolean":
        return key == "t"
    if described.type == "date" or described.item_type == "date":
        return date.fromisoformat(key)
    return _same_form(described, key) if isinstance(key, Decimal) else key


def _microseconds(length: timedelta) -> int:
    return length // timedelta(microseconds=1)


@dataclass(frozen=True)
class Difference:
    """Where the pipeline differs on purpose: why, an example, and which texts of which fields the reason covers."""

    reason: str
    described: Field
    text: str
    ours: Any
    theirs: Any
    covers: Callable[[Field, str], bool]


def of(*types: str, form: str = ".*", list_of: bool = True) -> Callable[[Field, str], bool]:
    """Fields of these types (or lists of them) and texts that match."""
    pattern = re.compile(form, re.DOTALL)
    return lambda described, text: (
        (described.type in types or (list_of and described.type == "list" and described.item_type in types))
        and (pattern.search(text) is not None)
    )


MIDNIGHT = datetime(2020, 1, 1, tzinfo=UTC)
UUID = "12345678-1234-1234-1234-123456789abc"
DIFFERENCES = [
    Difference(
        "PostgreSQL stores no NUL",
        *(field(), "a\0", BAD, "a\0"),
        covers=lambda _, text: "\0" in text,
    ),
    Difference(
        "numbers are written as the standard says; Python reads more",
        *(field("number"), "Infinity", BAD, "Infinity"),
        covers=of("number", form="(?i)_|infinity|[^\\x00-\\x7f]"),
    ),
    Difference(
        "whole numbers are written in ASCII digits without underscores; Python reads more",
        *(field("integer"), "1_000", BAD, 1000),
        covers=of("integer", form="_|[^\\x00-\\x7f]"),
    ),
    Difference(
        "bigint has 64 bits; the field can be declared as number",
        *(field("integer"), str(2**63), BAD, 2**63),
        covers=of("integer", form="[0-9]{19}"),
    ),
    Difference(
        "numeric has 131072 digits before the decimal point and 16383 after it",
        *(field("number"), "1e131072", BAD, "1E+131072"),
        covers=of("number", form="e[+-]?[0-9]{5}"),
    ),
    Difference(
        "a common year has no day 366; Python takes the first day of the next year",
        *(field("date", format="%Y-%j"), "2022-366", BAD, date(2023, 1, 1)),
        covers=of("date", form="^[0-9]{4}-366$"),
    ),
    Difference(
        "groups have three digits: 1,5 may be a decimal comma",
        *(field("number", group_char=","), "1,5", BAD, "15"),
        covers=lambda described, _: described.group_char == ",",
    ),
    Difference(
        "groupChar of an integer is the standard's",
        *(field("integer", group_char=","), "1,500", 1500, BAD),
        covers=lambda described, _: described.type == "integer" and described.group_char is not None,
    ),
    Difference(
        "what stands around a number may mean something: (5) and 5- may be -5",
        *(field("number", bare_number=False), "(5)", BAD, "5"),
        covers=lambda described, text: not described.bare_number and re.search("[()]|-$", text) is not None,
    ),
    Difference(
        "NaN equals the NaN of an enum",
        *(field("number", enum=("NaN",)), "NaN", "NaN", BAD),
        covers=lambda described, text: text.lower() == "nan" and described.constraints.enum is not None,
    ),
    Difference(
        "a UUID has its hyphens",
        *(field(format="uuid"), UUID.replace("-", ""), BAD, UUID.replace("-", "")),
        covers=lambda described, text: described.format == "uuid" and text.count("-") != 4,
    ),
    Difference(
        "UUIDs are compared as such, in any case",
        *(field(format="uuid", enum=(UUID.upper(),)), UUID, UUID, BAD),
        covers=lambda described, _: described.format == "uuid" and described.constraints.enum is not None,
    ),
    Difference(
        "base64 holds only its alphabet; Python skips other characters",
        *(field(format="binary"), "YW*I=", BAD, b"ab"),
        covers=lambda described, text: described.format == "binary" and re.search("[^A-Za-z0-9+/=]", text) is not None,
    ),
    Difference(
        "the length of binary is its bytes",
        *(field(format="binary", max_length=3), "YWJj", b"abc", BAD),
        covers=lambda described, _: described.format == "binary" and described.constraints.max_length is not None,
    ),
    Difference(
        "% in a URI begins two hexadecimal digits",
        *(field(format="uri"), "http://a/%", BAD, "http://a/%"),
        covers=lambda described, text: described.format == "uri" and re.search("%(?![0-9A-Fa-f]{2})", text) is not None,
    ),
    Difference(
        "a pattern is for the whole text, each of its alternatives",
        *(field(pattern="a|b"), "ax", BAD, "ax"),
        covers=lambda described, _: "|" in (described.constraints.pattern or ""),
    ),
    Difference(
        "digits next to digits have a fixed length: 2020111 may be two days",
        *(field("date", format="%Y%m%d"), "2020111", BAD, date(2020, 11, 1)),
        covers=lambda described, text: described.format == "%Y%m%d" and len(text) < 8,
    ),
    Difference(
        "a time has no zone: PostgreSQL would drop it",
        *(field("time"), "12:00:00Z", BAD, "a time with a zone"),
        covers=of("time", form="[zZ]|[+-][0-9][0-9]:"),
    ),
    Difference(
        "PostgreSQL keeps microseconds, and nothing is cut off",
        *(field("datetime"), "2020-01-01T00:00:00.0000001Z", BAD, MIDNIGHT),
        covers=of("time", "datetime", "duration", form="[.,][0-9]{6}[0-9]*[1-9]"),
    ),
    Difference(
        "a day has no hour 24",
        *(field("datetime"), "2019-12-31T24:00:00Z", BAD, MIDNIGHT),
        covers=of("time", "datetime", form="24:00:00"),
    ),
    Difference(
        "T stands between day and time, and Z is a capital letter",
        *(field("datetime"), "2020-01-01 00:00:00z", BAD, MIDNIGHT),
        covers=of("datetime", form=" |z$"),
    ),
    Difference(
        "zones go up to 14 hours, as in XML Schema",
        *(field("datetime"), "2020-01-01T15:00:00+15:00", BAD, MIDNIGHT),
        covers=of("datetime", form="[+-]1[45]:"),
    ),
    Difference(
        "years are 1 to 9999 in UTC too",
        *(field("datetime"), "0001-01-01T00:00:00+01:00", BAD, "a datetime"),
        covers=of("datetime", form="0001-01-01|9999-12-31"),
    ),
    Difference(
        "a datetime without a zone is in UTC, and so is compared with others",
        *(field("datetime", minimum="2020-01-01T00:00:00Z"), "2020-01-01T00:00:00", MIDNIGHT, "raises TypeError"),
        covers=lambda described, text: (
            described.type == "datetime"
            and described.constraints != Constraints()
            and re.search(r"(Z|[+-]\d\d:\d\d)$", text) is None
        ),
    ),
    Difference(
        "there is no year 0",
        *(field("year"), "0000", BAD, 0),
        covers=of("year", "yearmonth", form="^0000"),
    ),
    Difference(
        "a month has two digits",
        *(field("yearmonth"), "2020-1", BAD, "2020-01"),
        covers=of("yearmonth", form="-[0-9]$"),
    ),
    Difference(
        "a duration has no plus sign, and T stands before a time",
        *(field("duration"), "+P1DT", BAD, 86_400_000_000),
        covers=of("duration", form="^[+]|T$"),
    ),
    Difference(
        "durations are longer than Python's timedelta, up to PostgreSQL's limit",
        *(field("duration"), "P1000000000D", 86_400_000_000_000_000_000, BAD),
        covers=of("duration", form="[0-9]{10}"),
    ),
    Difference(
        "durations have bounds, as the standard says",
        *(field("duration", minimum="P1D"), "P2D", 2 * 86_400_000_000, "raises FrictionlessException"),
        covers=lambda described, _: described.type == "duration" and described.constraints.minimum is not None,
    ),
    Difference(
        "NaN is not JSON",
        *(field("array"), "[NaN]", BAD, "a list with NaN"),
        covers=of("object", "array", form="NaN"),
    ),
    Difference(
        "jsonb stores neither \\u0000 nor half a surrogate pair",
        *(field("object"), '{"a": "\\u0000"}', BAD, {"a": "\0"}),
        covers=of("object", "array", form=r"\\u(0000|d800)"),
    ),
    Difference(
        "JSON is at most 100 levels deep",
        *(field("array"), "[" * 101 + "]" * 101, BAD, json.loads("[" * 101 + "]" * 101)),
        covers=of("object", "array", form=r"\[{101}"),
    ),
    Difference(
        "true is not 1",
        *(field("array", enum=("[1]",)), "[true]", BAD, "raises FrictionlessException"),
        covers=lambda described, _: described.type in ("object", "array") and described.constraints.enum is not None,
    ),
    Difference(
        "TopoJSON has a topology",
        *(field("geojson", format="topojson"), '{"type": "Point", "coordinates": [1, 2]}', BAD, "a point"),
        covers=lambda described, text: described.format == "topojson" and '"Topology"' not in text,
    ),
    Difference(
        "coordinates are exact",
        *(field("geopoint", format="array"), "[0.1, 0]", ["0.1", "0"], "binary floating point"),
        covers=of("geopoint", form=r"[\[{].*\."),
    ),
    Difference(
        "lists have an enum, as every type of the standard",
        *(field("list", item_type="number", enum=("1,2",)), "1.0,2", ["1", "2"], "raises FrictionlessException"),
        covers=lambda described, _: described.type == "list" and described.constraints.enum is not None,
    ),
    Difference(
        "items of a list are trimmed, as fields are",
        *(field("list"), "a, b", ["a", "b"], ["a", " b"]),
        covers=lambda described, text: described.type == "list" and " " in text,
    ),
]


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda difference: difference.reason)
def test_a_difference_is_as_its_reason_says(difference: Difference) -> None:
    ours = first_opinion(difference.described, difference.text)
    theirs = second_opinion(difference.described, difference.text)
    assert ours == difference.ours
    assert theirs != ours
    assert difference.covers(difference.described, difference.text)
    if not isinstance(difference.theirs, str) or difference.theirs in (BAD, NULL):
        assert theirs == difference.theirs


@pytest.mark.parametrize(
    ("described", "texts"), COMPARED, ids=lambda case: named(case) if isinstance(case, Field) else ""
)
def test_verdict_and_value_are_those_of_frictionless(described: Field, texts: Patterns) -> None:
    for text in map(clean, drawn(texts)):  # frictionless neither trims nor composes
        if not any(difference.covers(described, text) for difference in DIFFERENCES):
            assert first_opinion(described, text) == second_opinion(described, text), text
