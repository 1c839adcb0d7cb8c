"""Lines that the first pass takes for closed at a glance: no quote is open at the end of any."""

import random
from itertools import product

import pytest

from pipeline.csv_text.dialect import Dialect
from pipeline.csv_text.records import closed_lines, line_reader
from tests.support import FACTOR

DIALECTS = [
    Dialect(delimiter, quote_char, escape_char, double_quote, skip_initial_space)
    for delimiter, quote_char, escape_char, double_quote, skip_initial_space in product(
        ",; ", ('"', "'", "^", None), ("\\", None), (True, False), (True, False)
    )
]
TEXTS = 20_000 * int(FACTOR or 1)


def test_no_quote_is_open_at_the_end_of_a_closed_line() -> None:
    """Without Hypothesis: a text is too short to be made simpler, and drawn 50 times as fast."""
    rng = random.Random(None if FACTOR else 0)
    for _ in range(TEXTS):
        dialect = rng.choice(DIALECTS)
        text = "".join(rng.choices('",a \\\n\r', k=rng.randint(0, 16))) + rng.choice(("\n", "\r\n", "\r", ""))
        lines = text.replace(",", str(dialect.delimiter)).replace('"', dialect.quote_char or '"').encode()
        if closed_lines(dialect).fullmatch(lines):
            for line in lines.splitlines(keepends=True):
                assert not line_reader(dialect)(line.decode())[1], (dialect, lines)


@pytest.mark.parametrize(
    "lines", ['a,"b, c",d\n', '"a"\r\n', 'a,""', '"a ""b"" c","d"\n', "a,b\n", 'a,"b"\n"c",d\r\n"e"\r"f",""\n']
)
def test_well_quoted_lines_are_closed(lines: str) -> None:
    assert closed_lines(Dialect(",")).fullmatch(lines.encode())
