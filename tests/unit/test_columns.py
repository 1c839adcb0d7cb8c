"""Columns: texts to what COPY takes, and the rules that they break."""

import random
import re
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.columns.column import NULL, TRIAL, Column, column
from pipeline.csv_text.rows import Fault
from pipeline.descriptions.description import Field
from pipeline.postgres.quoting import is_storable
from tests.column_cases import CASES, Patterns, drawn, field, named

BLOCKS = 8  # of up to 30 texts each


def rules_of(described: Field, text: str) -> list[str]:
    return [fault.rule for fault in column(described).check(text)[1]]


def copied(described: Field, text: str) -> str:
    """A good text as COPY takes it, one way or the other."""
    by_itself, faults = column(described).check(text)
    assert faults == []
    assert list(column(described).converted([text] * 20)) == [by_itself] * 20
    return by_itself


@pytest.mark.parametrize(("described", "texts"), CASES, ids=lambda case: named(case) if isinstance(case, Field) else "")
def test_a_block_is_converted_as_its_texts_are_checked(described: Field, texts: Patterns) -> None:
    rng = random.Random(described.column)
    storable = list(filter(is_storable, drawn(texts)))
    checked = {text: column(described).check(text) for text in storable}
    expected = {text: copied for text, (copied, faults) in checked.items() if not faults}
    for _ in range(BLOCKS):
        block = rng.choices(storable, k=rng.randint(1, 30))
        good = [text for text in block if text in expected]
        converted = column(described)
        for part in (block, good, block, good * 8):  # with bad texts, without them, and remembered
            for text, copied in zip(part, converted.converted(part) if part else [], strict=True):
                assert copied is None or copied == expected.get(text), text


def test_rules_are_told_in_plain_words() -> None:
    told = {
        ("string", "x" * 201): "is longer than 200 characters",
        ("date", "2020-13-01"): "is not a date (YYYY-MM-DD)",
        ("integer", "1.5"): "is not a whole number",
        ("integer", "9223372036854775808"): "is outside the range of bigint (declare the field as number)",
        ("number", "1,5"): "is not a number",
        ("boolean", "ja"): "is neither true nor false",
        ("time", "24:00:00"): "is not a time (hh:mm:ss)",
        ("datetime", "2020-01-01"): "is not a datetime (YYYY-MM-DDThh:mm:ssZ)",
        ("datetime", "2020-01-01T00:00:00.1234567Z"): "has more than 6 digits after the second",
        ("datetime", "0001-01-01T00:00:00+01:00"): "is before year 1 or after year 9999 in UTC",
        ("year", "0000"): "is not a year (YYYY)",
        ("yearmonth", "2020-13"): "is not a month (YYYY-MM)",
        ("duration", "1 day"): "is not a duration (such as P1Y2M3DT4H5M6S)",
        ("duration", "P99999999999D"): "is outside the range of interval",
        ("object", "[]"): "is not a JSON object",
        ("object", '{"a": "\\u0000"}'): "has \\u0000 or half a surrogate pair in a JSON string",
        ("array", "[" * 101 + "]" * 101): "is nested more than 100 levels deep",
        (
            "array",
            "[1e131072]",
        ): "has a number that has more than 131072 digits before or 16383 after the decimal point",
        ("geopoint", "181, 0"): "has a longitude beyond 180 degrees",
        ("geopoint", "1"): "is not a point (longitude, latitude)",
    }
    for (type_, text), rule in told.items():
        described = field(type_, max_length=200) if type_ == "string" else field(type_)
        assert rules_of(described, text) == [rule]


def test_every_rule_that_a_text_breaks_is_told_with_its_value_where_that_helps() -> None:
    described = field(max_length=3, pattern="[A-Z]+", enum=("A", "B"))
    assert column(described).check("abcd")[1] == [
        Fault("a", "is longer than 3 characters"),
        Fault("a", "does not match the pattern [A-Z]+", "abcd"),
        Fault("a", "is not one of 2 allowed values", "abcd"),
    ]


def test_null_breaks_only_required() -> None:
    assert column(field(min_length=3)).check(" ") == (NULL, [])
    assert column(field(required=True)).check(" ") == (NULL, [Fault("a", "is empty")])
    assert column(field(required=True, missing_values=())).check(" ") == ("", [])
    assert column(field("integer", missing_values=("n/a",))).check("") == (
        NULL,
        [Fault("a", "is not a whole number", "")],
    )


def test_texts_are_trimmed_composed_and_escaped() -> None:
    assert copied(field(), " e\u0301 ") == "é"
    assert copied(field(), "a\tb\\c\nd") == "a\\tb\\\\c\\nd"
    assert copied(field(missing_values=("é",)), "e\u0301") == NULL


def test_a_text_that_postgresql_cannot_store_is_a_fault() -> None:
    assert rules_of(field(), "a\0") == ["holds a NUL character"]
    assert rules_of(field(pattern=".*"), "\udce9") == ["holds bytes that are not UTF-8"]


def test_values_are_copied_in_one_spelling() -> None:
    assert copied(field("integer"), "+007") == "7"
    assert copied(field("number", decimal_char=",", group_char="."), "1.234.567,80") == "1234567.80"
    assert copied(field("number", bare_number=False), "EUR -95.5 %") == "-95.5"
    assert copied(field("number"), "-inf") == "-Infinity"
    assert (
        copied(field(format="uuid"), "12345678-1234-1234-1234-123456789ABC") == "12345678-1234-1234-1234-123456789abc"
    )
    assert copied(field(format="binary"), "YWI=") == "\\\\x6162"
    assert copied(field("datetime"), "2020-01-01T00:00:00") == "2020-01-01T00:00:00Z"
    assert copied(field("datetime", format="%d/%m/%y %I %p %z"), "1/2/69 12 am +0100") == "1969-01-31T23:00:00+00:00"
    assert copied(field("date", format="%d %b %Y"), "3 MAY 2020") == "2020-05-03"
    assert copied(field("date", format="%Y-%j"), "2020-366") == "2020-12-31"
    assert copied(field("duration"), "-P1Y2MT3.5S") == "-14 mons -0 days -00:00:03.500000"
    assert copied(field("list"), 'a, b"c,') == '{"a","b\\\\"c",""}'
    assert copied(field("geopoint", format="object"), '{"lon": 1e1, "lat": -2.50}') == "{10,-2.50}"


def test_digits_of_other_scripts_are_no_digits() -> None:
    for type_ in ("integer", "number", "date", "year", "duration"):
        assert rules_of(field(type_), "٢٠٢٠-٠١-٠١") != []
    assert rules_of(field("integer"), "²") == ["is not a whole number"]


def test_a_number_whose_signs_may_mean_something_else_is_no_number() -> None:
    for text in ("(5)", "5-", "Rs.500", "1,5", "$.50"):
        assert rules_of(field("number", bare_number=False), text) == ["is not a number"]
    assert rules_of(field("number", group_char=","), "1,5") == ["is not a number"]


def test_a_bound_is_exact() -> None:
    described = field("number", minimum="0.1", exclusive_maximum="0.3")
    assert rules_of(described, "0.09999999999999999999999") == ["is less than 0.1"]
    assert rules_of(described, "0.3") == ["is not less than 0.3"]
    assert copied(described, "0.29999999999999999999999") == "0.29999999999999999999999"
    assert list(column(described).converted(["0.2"] * 9 + ["0.30000000000000000000001"]))[9] is None


def test_the_future_begins_after_the_present_moment() -> None:
    soon = datetime.now(UTC) + timedelta(days=2)
    for type_, text in (("date", "%Y-%m-%d"), ("datetime", "%Y-%m-%dT%H:%M:%SZ")):
        described = field(type_, not_in_future=True)
        assert rules_of(described, soon.strftime(text)) == ["is in the future"]
        assert column(described).converted([soon.strftime(text)] * 20)[0] is None
    assert rules_of(field("year", not_in_future=True), str(soon.year + 1)) == ["is in the future"]
    assert rules_of(field("yearmonth", not_in_future=True), f"{soon.year + 1}-01") == ["is in the future"]


@pytest.mark.parametrize(
    ("described", "message"),
    [
        (field("money"), "type 'money' is not supported"),
        (field("string", format="ipv4"), "format 'ipv4' of type 'string' is not supported"),
        (field("date", format="any"), "format 'any' of type 'date' is not supported: it can be read in several ways"),
        (field("date", format="%d/%m"), "format '%d/%m' must give the day exactly once"),
        (field("date", format="%x"), "format '%x': the directive %x is not supported"),
        (field("date", format="%Y-%m-%d %H"), "format '%Y-%m-%d %H' has more than a day"),
        (field("time", format="%I:%M"), "is ambiguous about the hour"),
        (field("integer", max_length=3), "maxLength does not apply to type 'integer'"),
        (field("string", minimum="3"), "minimum does not apply to type 'string'"),
        (field("integer", pattern="1"), "pattern does not apply to type 'integer'"),
        (field("string", not_in_future=True), "pipeline:notInFuture does not apply to type 'string'"),
        (field("integer", minimum="x"), "minimum 'x' is not a whole number"),
        (field("number", maximum="NaN"), "maximum 'NaN' is not a bound"),
        (field("date", enum=("2020-02-30",)), "enum '2020-02-30' is not a date"),
        (field("string", pattern="(?=a)"), "pattern '(?=a)' is not supported: "),
        (field("string", pattern="a" * 1001), "pattern is longer than 1000 characters"),
        (field("string", pattern="(a{1000}b{1000}){5}"), "pattern '(a{1000}b{1000}){5}' is not supported: "),
        (field("number", decimal_char=",", group_char=","), "decimalChar and groupChar are both ','"),
        (field("number", decimal_char="1"), "decimalChar '1' is not supported"),
        (field("boolean", true_values=("x",), false_values=("x",)), "'x' is both a true value and a false value"),
        (field("list", item_type="object"), "itemType 'object' is not supported"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(described: Field, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        column(described)


def test_a_pattern_that_explodes_elsewhere_takes_no_time() -> None:
    for pattern in ("(a|a)*b", "(a*)*b", "(.*a){20}b"):
        assert rules_of(field(pattern=pattern), "a" * 100_000) == [f"does not match the pattern {pattern}"]


def test_a_text_too_long_for_a_large_pattern_does_not_match() -> None:
    assert rules_of(field(pattern="(a?b?c?){500}"), "a" * 900_000) == ["does not match the pattern (a?b?c?){500}"]


def test_texts_that_hardly_repeat_are_not_remembered() -> None:
    distinct, repeated = column(field()), column(field())
    for first in range(0, TRIAL + 500, 500):
        distinct.converted([str(number) for number in range(first, first + 500)])
        repeated.converted([str(number % 100) for number in range(first, first + 500)])
    assert _remembered(distinct) is None
    assert len(_remembered(repeated) or ()) == 100


def test_long_texts_are_not_remembered() -> None:
    asked = column(field())
    assert list(asked.converted(["x" * 51, "y"])) == ["x" * 51, "y"]
    assert _remembered(asked) == {"y": "y"}


def _remembered(asked: Column) -> dict[str, str] | None:
    return asked._remembered


def test_identifiers_and_literals_of_a_check_are_quoted() -> None:
    described = field(column='a"b', enum=("it's \\ {column}",), max_length=3)
    assert column(described).checks() == [
        ("max_length", 'char_length("a""b") <= 3'),
        ("enum", "\"a\"\"b\" IN (E'it''s \\\\ {column}')"),
    ]


@pytest.mark.parametrize(
    ("pattern", "verbatim"),
    [
        ("^[A-Z]{2}-[0-9]{6}$", "[A-Z]{2}-[0-9]{6}"),
        (r"\d{3}\.x?", r"\d{3}\.x?"),
        ("[0-Z]", None),  # a delimiter is among them
        ("a.b", None),
        ("a, b", None),
        ("a*", None),  # of an empty field COPY makes NULL
        ("[a-z]{500}", None),  # a text may be too long for it
        ("a|b", None),
    ],
)
def test_a_simple_pattern_is_one_of_fields_as_they_stand_in_a_file(pattern: str, verbatim: str | None) -> None:
    assert column(field("string", pattern=pattern, required=True)).verbatim(",") == (verbatim and f"(?:{verbatim})")
