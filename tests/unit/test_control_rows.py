"""Lines with control characters that tell of another encoding, however the file is cut into blocks."""

import re

from hypothesis import given
from hypothesis import strategies as st

from producer.files.content import ControlRows
from tests.support import examples


@examples(50)
@given(st.lists(st.text("a\x80\x9f\n\r€", max_size=6), max_size=6))
def test_each_line_with_such_a_character_counts_once(texts: list[str]) -> None:
    control_rows = ControlRows()
    assert list(control_rows.counting(iter(texts))) == texts
    assert control_rows.count == sum(bool(re.search("[\x80-\x9f]", line)) for line in "".join(texts).split("\n"))
