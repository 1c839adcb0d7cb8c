"""The reader against raw bytes: first pass, worker and check find the rows of the model, or the file is refused."""

import re
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inspection.dataset_check import DatasetChecker
from inspection.file_rows import opened
from inspection.key_table import KeyStore
from pipeline.csv_text import records as records_module
from pipeline.csv_text.dialect import Dialect
from pipeline.csv_text.rows import SourceRow
from pipeline.descriptions.description import Dataset
from pipeline.errors import InputError
from producer.files.content import OpenedFiles
from producer.files.encodings import Encodings
from tests.support import examples
from tests.unit.reading import letters, rows_of, source_of
from tests.unit.record_model import ModelDialect, ModelRow, RefusedError, model_rows

HEADERS = st.sampled_from(
    [b"given_name,family_name,date_of_birth,place_of_birth", b"a;given_name;family_name;date_of_birth;place_of_birth"]
)
TEXTS = [b"Jean", "é".encode(), b"1901-02-03", b'x"', b'"x"', b",,,\n", b"Jean,Kerr,1901-02-03,Ayr\n", b"\xef\xbb\xbf"]
PIECES = st.sampled_from([*(bytes([byte]) for byte in b',;\t"\n\r \0\xe9\x1c\x85\\'), b"\r\n", b'""', *TEXTS])
BODIES = st.one_of(st.lists(PIECES, max_size=60).map(b"".join), st.binary(max_size=200))
# What decides where a record ends; lines that open, close and go on with a quoted field come often enough. The dialect
# says which characters stand for the comma, the double quote, the backslash and the hash.
CHARACTERS = ['"', '"', ",", "\n", "\n", "\r", "\r\n", "a", " ", "\\", "#", "\t"]
QUOTED = ['"\n', ',"', '",', '""', '"a"', 'a","a\n', '\\"', '\n#"', ', "', '"a""a",a\n']
QUOTED_PIECES = st.sampled_from([*CHARACTERS, *QUOTED, "a,a\n", "\\\n", "a\\,a\n"])
DIALECTS = st.builds(
    Dialect,
    delimiter=st.sampled_from(",;| \t"),
    quote_char=st.sampled_from('""\'.^\x1c') | st.none(),
    escape_char=st.sampled_from("\\*") | st.none(),
    double_quote=st.booleans(),
    skip_initial_space=st.booleans(),
    header=st.booleans(),
    comment_char=st.sampled_from("#%") | st.none(),
)


@examples(300)
@given(
    body=st.lists(QUOTED_PIECES, max_size=30).map("".join),
    dialect=DIALECTS,
    width=st.integers(1, 4),
    chunk_rows=st.integers(1, 4),
    longest=st.sampled_from([10, 20, records_module.LONGEST_RECORD]),
)
@example(body='"\na,a\n"a,a\n', dialect=Dialect(","), width=2, chunk_rows=1, longest=100)
@example(body='a,"\n"a\n"\n",a\n', dialect=Dialect(","), width=2, chunk_rows=1, longest=100)
def test_first_pass_worker_and_check_find_the_rows_of_the_model(
    body: str, dialect: Dialect, width: int, chunk_rows: int, longest: int
) -> None:
    body, dataset = spelled(body, dialect), letters(width, dialect)
    header = str(dialect.delimiter).join(field.name for field in dataset.fields) + "\n" if dialect.header else ""
    content = f"sep={dialect.delimiter}\n{header}{body}".encode()
    with mock.patch.object(records_module, "LONGEST_RECORD", longest):
        try:
            model = model_rows(body, modelled(dialect), width, longest, first_line=3 if header else 2)
        except RefusedError as refused:
            with pytest.raises(
                InputError, match=rf"people\.csv line {refused.line}: (a quote opens|the row is longer)"
            ):
                rows_of(content, chunk_rows, dataset)
            return
        found = rows_of(content, chunk_rows, dataset)
        bad = rows_that_check_rejects(content, dataset)
    assert [row.row_number for row in found] == list(range(1, len(found) + 1))
    assert [ModelRow(row.line, row.raw, None if row.faults else row.fields) for row in found] == [
        row._replace(raw=row.raw.rstrip("\r\n")) for row in model
    ]
    assert bad == [row for row in found if row.faults]


def rows_that_check_rejects(content: bytes, dataset: Dataset) -> list[SourceRow]:
    with (
        source_of(content, dataset) as source,
        OpenedFiles() as contents,
        KeyStore.empty() as store,
        opened(source, contents, Encodings()) as rows,
    ):
        checker = DatasetChecker(dataset, store, 0, [source.name])
        return [bad.row for rejected in checker.check(0, rows) for bad in rejected]


def spelled(body: str, dialect: Dialect) -> str:
    """The body with the characters of a dialect."""
    meanings = {",": dialect.delimiter, '"': dialect.quote_char, "\\": dialect.escape_char, "#": dialect.comment_char}
    return "".join(meanings.get(character) or character for character in body)


def modelled(dialect: Dialect) -> ModelDialect:
    return ModelDialect(
        delimiter=str(dialect.delimiter),
        quote=dialect.quote_char,
        escape=dialect.escape_char,
        doubles=dialect.double_quote,
        skips_spaces=dialect.skip_initial_space,
        comment=dialect.comment_char,
    )


@examples(150)
@given(header=HEADERS, body=BODIES, chunk_rows=st.integers(1, 4))
@example(header=b"given_name,family_name,date_of_birth,place_of_birth", body=b'"\r', chunk_rows=1)
def test_any_body_gives_rows_or_is_refused(header: bytes, body: bytes, chunk_rows: int) -> None:
    content = header + b"\n" + body
    try:
        rows = rows_of(content, chunk_rows)
    except InputError as error:
        assert re.match(r".*people\.csv line \d+: (a quote opens here|the row is longer)", str(error))  # noqa: PT017
        return
    assert [row.row_number for row in rows] == list(range(1, len(rows) + 1))
    assert rows == rows_of(content, 1_000)  # however it is cut


@examples(100)
@given(content=st.one_of(BODIES, st.tuples(BODIES, HEADERS, BODIES).map(b"".join)))
def test_any_file_is_planned_or_refused(content: bytes) -> None:
    try:
        rows_of(content, 2)
    except InputError as error:
        assert "people.csv" in str(error)  # noqa: PT017
