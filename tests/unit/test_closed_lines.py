"""Lines that the first pass takes for closed at a glance: no quote is open at their end."""

import random
from itertools import product

import pytest

from pipeline.csv_text.dialect import Dialect
from pipeline.csv_text.records import _closed_line, line_reader
from tests.support import FACTOR

DIALECTS = [
    Dialect(delimiter, quote_char, escape_char, double_quote, skip_initial_space)
    for delimiter, quote_char, escape_char, double_quote, skip_initial_space in product(
        ",; ", ('"', "'", "^", None), ("\\", None), (True, False), (True, False)
    )
]
LINES = 20_000 * int(FACTOR or 1)


def test_no_quote_is_open_at_the_end_of_a_closed_line() -> None:
    """Without Hypothesis: a line is too short to be made simpler, and drawn 50 times as fast."""
    rng = random.Random(None if FACTOR else 0)
    for _ in range(LINES):
        dialect = rng.choice(DIALECTS)
        text = "".join(rng.choices('",a \\', k=rng.randint(0, 12))) + rng.choice(("\n", "\r\n", "\r", ""))
        line = text.replace(",", str(dialect.delimiter)).replace('"', dialect.quote_char or '"')
        if _closed_line(dialect).fullmatch(line.encode()):
            assert not line_reader(dialect)(line)[1], (dialect, line)


@pytest.mark.parametrize("line", ['a,"b, c",d\n', '"a"\r\n', 'a,""', '"a ""b"" c","d"\n', "a,b\n"])
def test_a_well_quoted_line_is_closed(line: str) -> None:
    assert _closed_line(Dialect(",")).fullmatch(line.encode())
