"""Rows that COPY reads as they stand in the file: the same values and verdicts as of rows checked one by one."""

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import psycopg2
import pytest

from pipeline.columns.column import NULL, column
from pipeline.columns.types.text import BEYOND_ASCII
from pipeline.csv_text.rows import SourceRows
from pipeline.datasets.verbatim import DELIMITERS
from pipeline.descriptions.description import Constraints, Field
from pipeline.descriptions.package import find_package, read_package
from pipeline.embedded import servers as embedded
from pipeline.postgres.copy_format import CsvLines, copy_content
from pipeline.tables.plan import Wanted
from pipeline.tables.registry import make_tables
from tests.column_cases import CASES, Patterns, drawn, named
from tests.conftest import Pipeline
from tests.integration.test_keyed import log_in_full

KINDS = {"by position": {}, "by key": {"primaryKey": ["id"]}}
FIELDS: list[dict[str, Any]] = [
    {"name": "id", "type": "integer", "constraints": {"required": True, "minimum": 1}},
    {"name": "label", "type": "string", "constraints": {"maxLength": 5}},
    {"name": "day", "type": "date"},
]
HEADER = "id,label,day\n"
GOOD = HEADER + '1,one,2024-02-29\n2,"a, b",\n3,"""x""",2023-12-31\n4,Zoë,2000-01-01\n'
ENDS_OF_RANGES = re.sub("(.)-(.)", r"\1\2", BEYOND_ASCII)  # to draw from all of 31,000 characters takes long
VERBATIM = ("string", "any", "number", "integer", "boolean", "date", "time", "datetime", "year")


@pytest.fixture(params=KINDS)
def items(pipeline: Pipeline, request: pytest.FixtureRequest) -> Pipeline:
    resource = {"name": "items", "path": "items.csv", "schema": {"fields": FIELDS, **KINDS[request.param]}}
    (pipeline.data / "datapackage.json").write_text(json.dumps({"resources": [resource]}))
    make_tables(pipeline.database, Wanted(read_package(find_package(pipeline.data)).datasets, column))
    return pipeline


@pytest.fixture(scope="module")
def cursor(servers: embedded.Servers) -> Iterator[Any]:
    with closing(psycopg2.connect(servers.database_url)) as connection, connection.cursor() as opened:
        yield opened


def held(pipeline: Pipeline) -> list[tuple[Any, ...]]:
    return pipeline.rows("SELECT row_number, id, label, day::text FROM items ORDER BY row_number")


@pytest.mark.parametrize(("described", "texts"), CASES, ids=lambda case: named(case) if isinstance(case, Field) else "")
def test_postgresql_reads_a_field_as_the_column_copies_it(cursor: Any, described: Field, texts: Patterns) -> None:
    constraints = Constraints(required=described.constraints.required, pattern=described.constraints.pattern)
    asked = column(replace(described, constraints=constraints))  # PostgreSQL checks the rest
    for delimiter in DELIMITERS:
        if (pattern := asked.verbatim(delimiter)) is None:
            assert described.type not in VERBATIM or described.format != "default" or described in set_apart()
            continue
        compiled = re.compile(pattern)
        fields = [
            *drawn(texts),
            *(f'"{text}"' for text in drawn(texts)),
            *drawn((pattern.replace(BEYOND_ASCII, ENDS_OF_RANGES),)),
        ]
        fields = [each for each in fields if compiled.fullmatch(each)]
        read = [row[0] if row else "" for row in csv.reader(fields, delimiter=delimiter, strict=True)]
        checked = [asked.check(text) for text in read]
        assert [faults for _, faults in checked if faults] == []
        assert all(each or copied == NULL for each, (copied, _) in zip(fields, checked, strict=True))
        verbatim = CsvLines([f"0{delimiter}{each}".encode() for each in fields], delimiter)
        copied_lines = [f"0\t{copied}" for copied, _ in checked]
        assert values(cursor, asked.postgresql_type, verbatim) == values(cursor, asked.postgresql_type, copied_lines)


def set_apart() -> list[Field]:
    """Fields whose texts PostgreSQL reads in another way, or not at all."""
    return [
        each
        for each, _ in CASES
        if each.missing_values == ("-", "") or each.missing_values == ("NA",)
        or (each.decimal_char, each.group_char) != (".", None)
        or each.true_values == ("ja",)
        or each.constraints.pattern == "[a-c]{1,3}|x+"
    ]  # fmt: skip


def values(cursor: Any, type_: str, lines: list[str] | CsvLines) -> list[tuple[str | None]]:
    content, options = copy_content(lines, ())
    cursor.execute("SET LOCAL TimeZone = 'America/St_Johns'")  # the zone of the session must not matter
    cursor.execute(f"CREATE TEMPORARY TABLE t (number serial, zero integer, value {type_})")
    cursor.copy_expert(f"COPY t (zero, value) FROM STDIN{options}", io.BytesIO(content))
    cursor.execute("SELECT value::text FROM t ORDER BY number")
    found: list[tuple[str | None]] = cursor.fetchall()
    cursor.connection.rollback()
    return found


def test_texts_beyond_ascii_are_trimmed_and_in_nfc_whatever_they_are_made_of() -> None:
    every = "".join(map(chr, range(0x110000)))
    characters = set(re.findall(f"[{BEYOND_ASCII}]", every))
    assert {each for each in characters if each.isspace() or unicodedata.combining(each)} == set()
    assert {each for each in characters if unicodedata.normalize("NFC", each) != each} == set()
    decomposed = (found.split() for found in map(unicodedata.decomposition, every) if found)
    joined_to_others = {chr(int(parts[1], 16)) for parts in decomposed if len(parts) == 2 and "<" not in parts[0]}
    assert characters & joined_to_others == set()


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_good_rows_are_not_read_field_by_field(items: Pipeline, line_end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SourceRows, "blocks", None)
    items.load(2, items=GOOD.replace("\n", line_end).rstrip())
    assert held(items) == [
        (1, 1, "one", "2024-02-29"),
        (2, 2, "a, b", None),
        (3, 3, '"x"', "2023-12-31"),
        (4, 4, "Zoë", "2000-01-01"),
    ]
    assert items.counts("items.csv")["inserted"] == 4


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0,x,", "id '0' is less than 1"),
        ("5,too long,", "label is longer than 5 characters"),
        ("5,x,2023-02-29", "day '2023-02-29' is not a date (YYYY-MM-DD)"),
        (",x,", "id is empty"),
        ("5,x", "row has 2 fields, expected 3"),
        ('5,"x"y,', "row has text after a closing quote"),
        ("5,x\0,", "label holds a NUL character"),
    ],
)
def test_a_bad_row_is_rejected_for_its_reason(items: Pipeline, line: str, reason: str) -> None:
    items.load(items=f"{GOOD}{line}\n6,six,\n")
    assert [number for number, *_ in held(items)] == [1, 2, 3, 4, 6]
    assert [(each[1], each[3]) for each in items.rejected()] == [(5, reason)]


def test_values_that_differ_from_their_text_are_stored_as_ever(items: Pipeline) -> None:
    items.load(items=f'{HEADER}+1, e\u0301 ,\n2,"",\n3,"a\nb",\n\n')
    assert held(items) == [(1, 1, "é", None), (2, 2, None, None), (3, 3, "a\nb", None)]


def test_a_check_that_the_table_has_lost_is_made_by_the_worker(items: Pipeline) -> None:
    with items.database.transaction() as tx:
        tx.run("ALTER TABLE items DROP CONSTRAINT items_id_minimum")
    items.write(items=f"{GOOD}0,zero,\n")
    items.produce()
    items.take_and_load()
    assert [each[3] for each in items.rejected()] == ["id '0' is less than 1"]


def test_a_row_that_breaks_a_check_stands_in_no_log_however_much_the_server_logs(items: Pipeline) -> None:
    log = log_in_full(items)
    items.load(items=f"{GOOD}5,72077 is too long,\n")
    assert [each[3] for each in items.rejected()] == ["label is longer than 5 characters"]
    assert "72077" not in log.read_text(errors="replace")
