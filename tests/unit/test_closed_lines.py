"""Lines that the first pass takes for closed at a glance: no quote is open at the end of any."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.csv_text.dialect import Dialect
from pipeline.csv_text.records import closed_lines, line_reader
from tests.support import examples

LETTERS = '",a \\\n\r'
DIALECTS = st.builds(
    Dialect,
    delimiter=st.sampled_from(",; "),
    quote_char=st.sampled_from("\"'^") | st.none(),
    escape_char=st.sampled_from("\\") | st.none(),
    double_quote=st.booleans(),
    skip_initial_space=st.booleans(),
)


@examples(2_000)
@given(dialect=DIALECTS, text=st.text(alphabet=LETTERS, max_size=16), end=st.sampled_from(["\n", "\r\n", "\r", ""]))
def test_no_quote_is_open_at_the_end_of_a_closed_line(dialect: Dialect, text: str, end: str) -> None:
    lines = (text.replace(",", str(dialect.delimiter)).replace('"', dialect.quote_char or '"') + end).encode()
    if closed_lines(dialect).fullmatch(lines):
        for line in lines.splitlines(keepends=True):
            assert not line_reader(dialect)(line.decode())[1]


@pytest.mark.parametrize(
    "lines", ['a,"b, c",d\n', '"a"\r\n', 'a,""', '"a ""b"" c","d"\n', "a,b\n", 'a,"b"\n"c",d\r\n"e"\r"f",""\n']
)
def test_well_quoted_lines_are_closed(lines: str) -> None:
    assert closed_lines(Dialect(",")).fullmatch(lines.encode())
