"""Whatever a file holds: its first description is read again, and each row that it is not said to refuse is good."""

import csv
import io
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from inspection.check import check
from pipeline.errors import InputError
from tests.shared import memory
from tests.support import examples
from tests.unit.inspecting import described

SAMPLES = [
    *("1", "-7", "007", "+4", "1.5", "1,5", "1.234", "1,234", "1.234,5", "1,234.5", "0.125", "0,125", "1e5", "1.5e3"),
    *("12345678901234567890", "99999999999999999999.5", "nan", "inf", "-0", "1.", ".5", "5 %"),
    *("2026-01-02", "0000-00-00", "2026-02-30", "01/02/2026", "25/12/2026", "12/25/2026", "1.2.2026", "31.12.26"),
    *("25 Dec 2026", "May 5, 2026", "2026-01-02T10:00:00", "2026-01-02T10:00:00Z", "2026-01-02 10:00:00.5"),
    *("2026-01-02 25:00", "13/01/2026 10:00", "1/13/2026 1:05 pm", "10:30", "10:30:00", "24:00:00"),
    *("true", "FALSE", "yes", "No", "y", "T", "0", "", " ", "NA", "n/a", "null", "-", "?"),
    *("Jean", "José", "Jose\u0301", "a\\b", "tab\there", "two\nlines", "x" * 80, "\u00a05", "٣", "\x1c1"),
    "c56a4180-65aa-42ec-a945-5fd21dec0538",
]
NAMES = st.sampled_from(
    ["id", "a", "A", "b", "amount $", "amount %", "%", "2020", "ctid", "", "  x ", "é", "worldCities"]
)
COLUMNS = st.lists(st.sampled_from(SAMPLES), min_size=1, max_size=4).map(st.sampled_from)


@st.composite
def files(draw: st.DrawFn) -> list[list[str]]:
    """Columns of a few values each, so that many of them are read as something else than text."""
    header = draw(st.lists(NAMES, min_size=1, max_size=5))
    columns = [draw(COLUMNS) for _ in header]
    rows = draw(st.integers(0, 30))
    return [header, *([draw(column) for column in columns] for _ in range(rows))]


@examples(80)
@given(rows=files(), delimiter=st.sampled_from(",;\t"), broken=st.sampled_from(["", "", "a", '"x"y', "\x00", "\udce9"]))
def test_every_row_that_is_not_said_to_be_refused_is_good(rows: list[list[str]], delimiter: str, broken: str) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(rows)
    content = (text.getvalue() + (f"{broken}\n" if broken else "")).encode("utf-8", "surrogateescape")
    with tempfile.TemporaryDirectory(dir=memory()) as name:
        folder = Path(name)
        try:
            [resource] = described(folder, things=content)
        except InputError as error:
            assert "things.csv" in str(error)  # noqa: PT017
            return
        [said] = resource.kind.files
        [found] = check(folder, ())
    assert found.fault is None
    assert found.row_count == said.row_count
    assert found.problems.row_count == said.problems.row_count
    assert set(found.problems.lines()) >= set(said.problems.lines())
