"""Lines that the first pass takes for closed at a glance: no quote is open at their end."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.csv_text.dialect import Dialect
from pipeline.csv_text.records import _closed_line, line_reader
from tests.support import examples

DIALECTS = [  # a list: to draw from it takes half the time of drawing each part
    Dialect(delimiter, quote_char, escape_char, double_quote, skip_initial_space)
    for delimiter, quote_char, escape_char, double_quote, skip_initial_space in product(
        ",; ", ('"', "'", "^", None), ("\\", None), (True, False), (True, False)
    )
]


@examples(2_000)
@given(
    dialect=st.sampled_from(DIALECTS),
    text=st.text(alphabet='",a \\', max_size=12),
    end=st.sampled_from(["\n", "\r\n", "\r", ""]),
)
def test_no_quote_is_open_at_the_end_of_a_closed_line(dialect: Dialect, text: str, end: str) -> None:
    line = text.replace(",", str(dialect.delimiter)).replace('"', dialect.quote_char or '"') + end
    if _closed_line(dialect).fullmatch(line.encode()):
        assert not line_reader(dialect)(line)[1]


@pytest.mark.parametrize("line", ['a,"b, c",d\n', '"a"\r\n', 'a,""', '"a ""b"" c","d"\n', "a,b\n"])
def test_a_well_quoted_line_is_closed(line: str) -> None:
    assert _closed_line(Dialect(",")).fullmatch(line.encode())
