"""Columns and PostgreSQL: what a column takes survives COPY as it is meant, and the CHECKs say what the rules say."""

import io
import json
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg2
import psycopg2.extras
import pytest

from pipeline.columns.column import NULL, Column, column
from pipeline.descriptions.description import Constraints, Field
from pipeline.embedded import servers as embedded
from tests.column_cases import CASES, Patterns, drawn, field, named

EXTREMES = {  # at the edge of what PostgreSQL stores
    field("number"): [
        "1e131071",
        "9" * 131072,
        "1e-16383",
        "-" + "0" * 16383 + "." + "9" * 16383,
        "0e99999",
        "0e-16383",
    ],
    field("integer"): ["9223372036854775807", "-9223372036854775808"],
    field("date"): ["0001-01-01", "9999-12-31"],
    field("datetime"): ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "0001-01-02T00:00:00+14:00"],
    field("time"): ["00:00:00", "23:59:59.999999", "23:59:59.9999990"],
    field("duration"): ["P178956970Y7M", "-P2147483647D", "PT2147483647H59M59.999999S", "-PT2147483647H59M59.999999S"],
    field("object"): ['{"' + "k" * 100_000 + '": ' + "9" * 100_000 + "}", '{"a": ' * 100 + "1" + "}" * 100],
    field("array"): ["[" * 100 + "]" * 100, "[1e131071, 1e-16383]"],
    field("string"): ["\\N", "\\.", "\x01\x7f\u2028", "\U0010ffff", "a" * 1_000_000],
    field("list"): [",", "NULL", "{}", '"', "\\", "\t,\n"],
}


@pytest.fixture(scope="module")
def cursor(servers: embedded.Servers) -> Iterator[Any]:
    with closing(psycopg2.connect(servers.database_url)) as connection, connection.cursor() as opened:
        psycopg2.extras.register_default_jsonb(opened, loads=parsed)
        yield opened


@pytest.fixture
def in_transaction(cursor: Any) -> Iterator[Any]:
    yield cursor
    cursor.connection.rollback()


def parsed(text: str) -> Any:
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def stored(cursor: Any, asked: Column, texts: list[str], *expressions: str) -> list[tuple[Any, ...]]:
    """Copies good texts into a table with the CHECKs of the column; the values of expressions, a row each."""
    checks = "".join(f", CONSTRAINT {name} CHECK ({check})" for name, check in asked.checks())
    quoted = f'"{asked.field.column}"'
    cursor.execute(f"CREATE TEMPORARY TABLE t (number serial, {quoted} {asked.postgresql_type}{checks}) ON COMMIT DROP")
    cursor.execute("SET LOCAL TimeZone = 'America/St_Johns'")  # the zone of the session must not matter
    lines = "".join(f"{copied}\n" for copied, _ in map(asked.check, texts))
    cursor.copy_expert(f"COPY t ({quoted}) FROM STDIN", io.StringIO(lines))
    cursor.execute("SET LOCAL TimeZone = 'UTC'")  # Python has no year before 1, where the first day begins in the west
    cursor.execute(f"SELECT {', '.join(expressions)} FROM t ORDER BY number")
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def good(asked: Column, texts: list[str]) -> list[str]:
    return [text for text in texts if not asked.check(text)[1]]


def meant(asked: Column, text: str) -> Any:
    """The value of a good text as psycopg2 reads it."""
    if asked.check(text)[0] == NULL:
        return None
    stripped = unicodedata.normalize("NFC", text.strip())
    value = asked._type.value(stripped)
    if asked.postgresql_type == "jsonb":
        return parsed(stripped)
    if asked.postgresql_type == "date":
        return date.fromisoformat(value.key)
    if asked.postgresql_type == "boolean":
        return value.key == "t"
    if asked.field.type == "list" and asked.field.item_type in ("date", "boolean"):
        read = date.fromisoformat if asked.field.item_type == "date" else "t".__eq__
        return list(map(read, value.key))
    return list(value.key) if asked.postgresql_type.endswith("[]") else value.key


def compared(value: Any) -> Any:
    """NaN equals NaN; and what only differs in its Python type is the same."""
    if isinstance(value, list | tuple):
        return list(map(compared, value))
    if isinstance(value, memoryview):
        return bytes(value)
    return "NaN" if isinstance(value, Decimal) and value.is_nan() else value


@pytest.mark.parametrize(("described", "texts"), CASES, ids=lambda case: named(case) if isinstance(case, Field) else "")
def test_good_values_are_stored_as_they_are_meant(in_transaction: Any, described: Field, texts: Patterns) -> None:
    asked = column(described)
    kept = good(asked, drawn(texts))
    assert any(asked.check(text)[0] != NULL for text in kept), "no good value was drawn"
    _check_stored(in_transaction, asked, kept)


@pytest.mark.parametrize("described", list(EXTREMES), ids=named)
def test_the_largest_and_smallest_values_are_stored(in_transaction: Any, described: Field) -> None:
    asked = column(described)
    assert good(asked, EXTREMES[described]) == EXTREMES[described]
    _check_stored(in_transaction, asked, EXTREMES[described])


def _check_stored(cursor: Any, asked: Column, texts: list[str]) -> None:
    quoted = f'"{asked.field.column}"'
    if asked.postgresql_type == "interval":  # Python's timedelta has no months: the length, as PostgreSQL compares it
        months = f"12 * extract(year FROM {quoted}) + extract(month FROM {quoted})"
        seconds = f"extract(epoch FROM {quoted} - justified.months * interval '1 month')"
        quoted = (
            f"(SELECT 1000000 * ({seconds} + 30 * 86400 * justified.months) FROM (SELECT {months}) justified(months))"
        )
    rows = stored(cursor, asked, texts, quoted)
    assert [compared(value) for (value,) in rows] == [compared(meant(asked, text)) for text in texts]


@pytest.mark.parametrize(
    ("described", "texts"),
    [case for case in CASES if column(case[0]).checks()],
    ids=lambda case: named(case) if isinstance(case, Field) else "",
)
def test_each_check_accepts_what_its_rule_accepts(in_transaction: Any, described: Field, texts: Patterns) -> None:
    free = column(replace(described, constraints=Constraints()))
    kept = [text for text in good(free, drawn(texts)) if free.check(text)[0] != NULL]
    checks = column(described).checks()
    rows = stored(in_transaction, free, kept, *(check for _, check in checks))
    limits = {name: getattr(described.constraints, name, None) for name, _ in checks}
    alone = [
        column(replace(described, constraints=Constraints(**({} if limit is None else {name: limit}))))
        for name, limit in limits.items()
    ]
    for text, verdicts in zip(kept, rows, strict=True):
        assert list(verdicts) == [not by_itself.check(text)[1] for by_itself in alone], text
